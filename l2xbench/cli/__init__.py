"""The command line: each command is declared in the file of its name, its flags, help and example; `commands` works.

Nothing heavy is imported before a command runs, so that `--help` and a mistake are told at once.
"""

from l2xbench.cli.program import main

__all__ = ["main"]

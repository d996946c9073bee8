"""What was typed to start this process."""

from __future__ import annotations

import shlex
import sys


def command_line() -> str:
    """The command with its arguments, quoted as a shell would take it."""
    return shlex.join(["l2xbench", *sys.argv[1:]])

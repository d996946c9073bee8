"""The program: its commands, and what goes wrong as one line and an exit code."""

from __future__ import annotations

import errno
import io
import sys
import warnings
from typing import Annotated

import typer

from l2xbench.cli import (
    ablate,
    bundle,
    check,
    cka,
    context,
    doctor,
    erf,
    explain,
    explore,
    fetch,
    inside,
    lam,
    merge,
    models,
    reach,
    referee,
    report,
    rules,
    run,
)
from l2xbench.cli.unfold import unfolded
from l2xbench.errors import RequestError, reason_of
from l2xbench.system import heap, threads
from l2xbench.version import __version__

COMMANDS = (
    run,
    ablate,
    cka,
    report,
    bundle,
    merge,
    models,
    fetch,
    check,
    rules,
    explain,
    explore,
    inside,
    lam,
    erf,
    referee,
    context,
    reach,
    doctor,
)
"""In the order of `--help`. Each is a file with a function of its own name and an example."""
INTERRUPTED = 130
INTERNAL = 70
FULL = (errno.ENOSPC, errno.EDQUOT)
OF_A_PATH = (errno.ENAMETOOLONG, errno.EACCES, errno.EPERM, errno.ELOOP, errno.EROFS, errno.ENOTDIR, errno.EILSEQ)
"""What a path, and not the program, is to blame for."""

# Typer carries its own copy of click since 0.2x and imports click before that; the class of usage errors is either's
UsageError: type[Exception] = typer.BadParameter.__bases__[0]

app = typer.Typer(
    name="l2xbench",
    help="Which input pixels did a super-resolution network use? Exact attribution, and a benchmark built on it.",
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"l2xbench {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    pass


for _module in COMMANDS:
    _name = _module.__name__.rpartition(".")[2]
    app.command(_name, epilog=f"Example: {_module.EXAMPLE}")(unfolded(getattr(_module, _name)))


def main() -> None:
    """The program: runs a command and turns what goes wrong into one line and an exit code."""
    heap.keep_freed()
    threads.wait_briefly()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a name that is no text, or a terminal that is not UTF-8
    debug = "--debug" in sys.argv
    if not debug:
        warnings.formatwarning = _in_one_line
    try:
        code = app(standalone_mode=False)
        if code == INTERRUPTED:  # typer has caught Ctrl-C itself
            raise KeyboardInterrupt
    except RequestError as error:
        if debug:
            raise
        _complain(str(error))
        code = 2
    except UsageError as error:
        command = getattr(getattr(error, "ctx", None), "command_path", "l2xbench")
        _complain(f"{error.format_message()} (see: {command} --help)")  # type: ignore[attr-defined]
        code = 2
    except (KeyboardInterrupt, typer.Abort):
        _complain("stopped; what is finished is kept, and the same command goes on from there")
        code = INTERRUPTED
    except Exception as error:
        if debug:
            raise
        if isinstance(error, OSError) and error.errno in FULL:
            where = f"{error.filename}: " if error.filename else ""
            _complain(f"{where}{error.strerror}; what was finished is kept, and the same command goes on from there")
            sys.exit(2)
        if isinstance(error, OSError) and error.errno in OF_A_PATH and error.filename:
            _complain(f"{error.filename}: {error.strerror}")
            sys.exit(2)
        if isinstance(error, ValueError) and "embedded null" in str(error):
            _complain("a path holds a null character, which no file's name has")
            sys.exit(2)
        _complain(f"internal error: {reason_of(error)} (run again with --debug and report the traceback)")
        code = INTERNAL
    sys.exit(code if isinstance(code, int) else 0)


def _in_one_line(message: Warning | str, *_: object, **__: object) -> str:
    """A warning without the place in our code that it comes from."""
    return f"warning: {' '.join(str(message).split())}\n"


def _complain(message: str) -> None:
    # a name from a file may hold anything; it must stay one line and send no control sequences to the terminal
    shown = "".join(c if c.isprintable() else " " for c in message)
    print(f"l2xbench: {shown}", file=sys.stderr)

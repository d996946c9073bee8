"""`l2xbench doctor`."""

from __future__ import annotations

EXAMPLE = "l2xbench doctor"


def doctor() -> None:
    """Show what this installation has and lacks: versions, programs, GPU, fonts, folders; what each is needed for.

    Exit code 0: all that a study needs is there; 1: something is not.
    """
    import typer
    from rich.console import Console

    from l2xbench.commands.doctor import examine, show_examination

    found = examine()
    show_examination(Console(), found)
    if any(each.needed and not each.there for each in found):
        raise typer.Exit(1)

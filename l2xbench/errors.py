"""The one kind of error that is the user's to mend."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class RequestError(Exception):
    """A request that cannot be carried out as written: a config, a name or a file is wrong.

    Its message is one line that names the file, the key and what would be right. The command line prints that line
    and exits with code 2, without a traceback.
    """


def did_you_mean(name: str, allowed: Iterable[str]) -> str:
    """The end of an error line: the nearest allowed name, or all of them where none is near."""
    names = sorted(allowed)
    near = get_close_matches(name, names, n=1, cutoff=0.5)
    if near:
        return f"did you mean '{near[0]}'?"
    return f"known: {', '.join(names)}" if names else "there is none"

"""The one kind of error that is the user's to mend."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class RequestError(Exception):
    """A request that cannot be carried out as written: a config, a name or a file is wrong.

    Its message is one line that names the file, the key and what would be right. The command line prints that line
    and exits with code 2, without a traceback.
    """


def message_of(error: BaseException) -> str:
    """What an error says, in one line; its kind where it says nothing.

    Examples:
        >>> message_of(ValueError("too\\nlong")), message_of(KeyError())
        ('too long', 'KeyError')
    """
    return " ".join(str(error).split()) or type(error).__name__


def reason_of(error: BaseException) -> str:
    """An error in one line: its kind and what it says; of a request that is wrong the latter alone.

    Examples:
        >>> reason_of(RequestError("a.png: no such file")), reason_of(ValueError("too\\nlong"))
        ('a.png: no such file', 'ValueError: too long')
    """
    text = " ".join(str(error).split()) or "no message"
    return text if isinstance(error, RequestError) else f"{type(error).__name__}: {text}"


MOST_NAMES = 30
"""More names than this are not listed in an error line."""


def nearest(name: str, allowed: Iterable[str]) -> str | None:
    """The allowed name that is most like this one; None where none is near.

    Examples:
        >>> nearest("edrs", ["edsr", "rcan"])
        'edsr'
    """
    near = get_close_matches(name, sorted(allowed), n=1, cutoff=0.5)
    return near[0] if near else None


def did_you_mean(name: str, allowed: Iterable[str]) -> str:
    """The end of an error line: the nearest allowed name, or the known ones where none is near.

    Examples:
        >>> did_you_mean("edrs", ["edsr", "rcan"])
        "did you mean 'edsr'?"
        >>> did_you_mean("x", ["edsr", "rcan"])
        'known: edsr, rcan'
    """
    names = sorted(allowed)
    near = nearest(name, names)
    if near is not None:
        return f"did you mean '{near}'?"
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return f"known: {', '.join(names[:MOST_NAMES])}{more}" if names else "there is none"

"""The errors of attribution. All are ValueErrors; a message is one line: what was found, what would be right."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class AttributionError(ValueError):
    """A map that cannot be made as asked: a wrong target, reference, method, option or shape."""


class MethodError(AttributionError):
    """A method that cannot explain this network, in that method's own words."""


def unknown(kind: str, found: object, allowed: Iterable[str]) -> AttributionError:
    """The error for a name that does not exist: names the nearest one, and all that do."""
    names = list(allowed)
    near = get_close_matches(str(found), names, n=1, cutoff=0.5)
    guess = f"did you mean {near[0]!r}? " if near else ""
    return AttributionError(f"{kind} {found!r} does not exist; {guess}allowed: {', '.join(names) or 'none'}")

"""One run at a time in a results folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from l2xbench.errors import RequestError
from l2xbench.system.files import unwritable
from l2xbench.system.locks import IsHeld, hold_folder


@contextmanager
def run_lock(root: Path) -> Iterator[None]:
    """Holds the results folder `root` for this process; `l2xbench.system.locks.holder_of` tells who does.

    Raises:
        RequestError: another process holds it, or the folder cannot be written to.
    """
    with ExitStack() as stack:
        try:
            stack.enter_context(hold_folder(root))
        except IsHeld as held:
            raise RequestError(
                f"{root}: another run is at work here: {held}; wait for it, or name another folder with --out"
            ) from None
        except OSError as error:
            raise unwritable(root, error) from error
        yield

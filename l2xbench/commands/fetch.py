"""The command `fetch`, and what a study's commands fetch before they plan."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from rich.console import Console

from l2xbench.commands.screen_fetch import FetchProgress, show_catalogue, show_outcome
from l2xbench.errors import RequestError
from l2xbench.fetch.catalogue import DEFAULT_SCALE, catalogue, find_item
from l2xbench.fetch.lock import fetch_lock
from l2xbench.system.locks import Holder

if TYPE_CHECKING:
    from l2xbench.run.lookup import Missing  # which imports torch


def list_items(scale: int | None) -> None:
    """Shows all that can be fetched."""
    show_catalogue(Console(), catalogue(scale or DEFAULT_SCALE))


def fetch_names(names: Sequence[str], scale: int | None) -> int:
    """Fetches checkpoints and datasets by name; returns the exit code (0 done, 1 some failed and were told).

    Raises:
        RequestError: a name is unknown (nothing is fetched then), or the only thing asked for failed.
    """
    console = Console()
    items = [find_item(name, scale) for name in dict.fromkeys(names)]
    failures: list[RequestError] = []
    with fetch_lock(partial(_waiting, console)), FetchProgress(console) as progress:
        for item in items:
            try:
                show_outcome(console, item, item.fetch(progress))
            except RequestError as error:
                failures.append(error)
                if len(items) > 1:
                    console.print(f"failed: {error}", markup=False, highlight=False, soft_wrap=True, style="yellow")
    if failures and len(failures) == len(items):
        raise failures[0] if len(items) == 1 else RequestError(f"none of the {len(items)} could be fetched")
    return 1 if failures else 0


def fetch_missing(console: Console, missing: Sequence[Missing]) -> None:
    """Fetches what a plan lacks.

    Raises:
        RequestError: something cannot be had, with the command or flag that would mend it.
    """
    with fetch_lock(lambda holder: _waiting(console, holder)), FetchProgress(console) as progress:
        for each in missing:
            each.fetch(progress)


def tell_missing(console: Console, missing: Sequence[Missing]) -> None:
    """Says what a run would fetch first."""
    for each in missing:
        size = each.item.size()
        told = f" ({size / 1e6:,.1f} MB)" if size else ""
        console.print(f"{each.key}: {each.item.what} would be fetched first{told}", markup=False, highlight=False)


def _waiting(console: Console, holder: Holder | None) -> None:
    told = f": {holder}" if holder else ""
    console.print(f"another l2xbench is fetching; waiting for it{told}", markup=False, highlight=False, soft_wrap=True)

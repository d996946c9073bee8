"""The command `fetch`, and what a study's commands fetch before they plan."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from rich.console import Console

from l2xbench.commands.screen_fetch import FetchProgress, show_catalogue, show_outcome
from l2xbench.config import Study
from l2xbench.errors import RequestError
from l2xbench.fetch.catalogue import DEFAULT_SCALE, catalogue, find_item
from l2xbench.fetch.lock import fetch_lock
from l2xbench.fetch.needs import study_needs
from l2xbench.system.locks import Holder


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


def fetch_needs(console: Console, study: Study, data_root: Path | None) -> None:
    """Fetches what a study needs, is not here and can be fetched; silent where nothing is owed.

    Raises:
        RequestError: something cannot be had, with the command or flag that would mend it.
    """
    if not study_needs(study, data_root):
        return
    with fetch_lock(partial(_waiting, console)), FetchProgress(console) as progress:
        for need in study_needs(study, data_root):  # again: who held the lock may have fetched it
            need.fetch(progress)


def tell_needs(console: Console, study: Study, data_root: Path | None) -> bool:
    """Says what a run would fetch first; whether that is anything."""
    needs = study_needs(study, data_root)
    for need in needs:
        size = need.item.size()
        console.print(
            f"{need.key}: {need.item.what} would be fetched first{f' ({size / 1e6:,.1f} MB)' if size else ''}",
            markup=False,
            highlight=False,
        )
    return bool(needs)


def _waiting(console: Console, holder: Holder | None) -> None:
    told = f": {holder}" if holder else ""
    console.print(f"another l2xbench is fetching; waiting for it{told}", markup=False, highlight=False, soft_wrap=True)

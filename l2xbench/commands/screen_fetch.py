"""What a fetch shows on the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock
from types import TracebackType

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from l2xbench.commands.screen_tables import show_rows
from l2xbench.fetch.catalogue import Fetched, Item


class FetchProgress:
    """How downloads go, on a terminal: a bar of bytes for each. On a pipe: a line when it begins."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            DownloadColumn(),
            TextColumn("left"),
            TimeRemainingColumn(compact=True),
            console=console,
            disable=not console.is_terminal,
        )
        self._task: TaskID | None = None
        self._lock = Lock()

    def __enter__(self) -> FetchProgress:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._bar.stop()

    def start(self, what: str, size: int | None) -> None:
        if self._task is not None:
            self._bar.remove_task(self._task)
        self._task = self._bar.add_task(f"fetching {what}", total=size)
        if not self.console.is_terminal:
            self.console.print(f"fetching {what}", markup=False, highlight=False)

    def arrived(self, count: int) -> None:
        with self._lock:
            if self._task is not None:
                self._bar.advance(self._task, count)


def show_outcome(console: Console, item: Item, outcome: Fetched) -> None:
    """A line on what came of a fetch, and where it lies."""
    if outcome.path is None:
        console.print(f"{item.what}: {outcome.checked}", markup=False, highlight=False, soft_wrap=True)
    else:
        done = "fetched" if outcome.fetched else "already here"
        checked = f" ({outcome.checked})" if outcome.checked else ""
        console.print(f"{item.what}: {done}{checked}", markup=False, highlight=False, soft_wrap=True)
        console.print(f"  [cyan]{escape(str(outcome.path))}[/]", soft_wrap=True)


def show_catalogue(console: Console, items: Sequence[Item]) -> None:
    """All that can be fetched, and what of it is here."""
    rows = [
        {
            "name": item.name,
            "what": item.what,
            "state": item.state(),
            "size": f"{size / 1e6:,.1f} MB" if size else None,
        }
        for item in items
        for size in (item.size(),)
    ]
    show_rows(console, rows, right=("size",))

"""What a run shows: progress with time left, failures as they come, a summary at the end."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from rich.console import Console
from rich.filesize import decimal
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import TimeRemainingColumn as TimeLeft

from l2xbench.commands.screen_notebook import NotebookLine, in_notebook, text
from l2xbench.store.records import Failure

if TYPE_CHECKING:  # not every command that shows something has a page
    from l2xbench.report.page import Page

LOG_EVERY = 30.0
"""Seconds between two lines that tell a log, which has no bar, how far a run is."""
NOTEBOOK_COLUMNS = 120
"""Letters in a line of a notebook's output."""


def run_console() -> Console:
    """Where a run speaks: the terminal or pipe; in a notebook its output, as plain text."""
    if not in_notebook():
        return Console()
    # kernels ask for colours as a terminal would have them, which a stored notebook cannot show
    return Console(force_jupyter=False, force_terminal=False, no_color=True, width=NOTEBOOK_COLUMNS)


class RunProgress:
    """A `run.progress.Progress` on a terminal, or as a notebook's line; in a log it is a line now and then."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._line = NotebookLine() if in_notebook() else None
        self._is_log = self._line is None and not console.is_terminal
        self._logged = time.monotonic()
        self.reused = 0
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeLeft(compact=True, elapsed_when_finished=False),
            console=console,
            disable=not console.is_terminal,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> RunProgress:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._bar.stop()
        self._show(last=True)

    def _show(self, *, last: bool = False) -> None:
        if self._is_log and self._task is not None and not last and time.monotonic() - self._logged >= LOG_EVERY:
            self._logged = time.monotonic()
            self.note(text(self._bar.tasks[self._task]))
        if self._line is not None and self._task is not None:
            # at the end the run itself, not the figures and the page that were made after it
            self._line.show(self._bar.tasks[0 if last else self._task], last=last)

    def start(self, total: int) -> None:
        self._task = self._bar.add_task("starting", total=total)
        self._show()

    def working(self, what: str) -> None:
        if self._task is not None:
            self._bar.update(self._task, description=what if len(what) <= 44 else what[:43] + "…")
            self._show()

    def advance(self, units: int, *, reused: bool = False) -> None:
        self.reused += units if reused else 0
        if self._task is None:
            return
        if reused:
            # what was found done took no time: it must not make the rest look quick
            task = self._bar.tasks[self._task]
            self._bar.update(self._task, total=(task.total or units) - units)
        else:
            self._bar.advance(self._task, units)
        self._show()

    def failed(self, failure: Failure) -> None:
        what = " ".join(p for p in (failure.study, failure.label, failure.model, failure.dataset, failure.image) if p)
        show_failure(self.console, what, failure.reason)

    def note(self, text: str) -> None:
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)


def show_failure(console: Console, what: str, reason: str) -> None:
    """What failed, and why, in a line."""
    console.print(f"[yellow]failed[/] {escape(what)}: {escape(reason)}", soft_wrap=True)


def show_paths(console: Console, root: Path, paths: Sequence[tuple[str, Path]]) -> None:
    """Where things lie, one a line."""
    width = max((len(what) for what, _ in paths), default=0)
    for what, path in paths:
        shown = path if not path.is_absolute() else relative(path)
        console.print(f"{what.ljust(width)}  [cyan]{escape(str(shown))}[/]", soft_wrap=True)


def show_page(console: Console, page: Page) -> None:
    """Where the page is, and how large it is."""
    if page.beside:
        size = f"{decimal(page.size)}, and {decimal(page.beside)} in its folder for {page.images} images"
    else:
        size = f"{decimal(page.size)}, one file"
    path = relative(page.path) if page.path.is_absolute() else page.path
    console.print(f"page  [cyan]{escape(str(path))}[/]  {size}", soft_wrap=True, highlight=False)


def relative(path: Path) -> Path:
    """A path as it is shown: from the folder where the command was given, if it lies there."""
    try:
        return path.relative_to(Path.cwd())
    except ValueError:
        return path

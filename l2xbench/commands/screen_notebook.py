"""What a run shows in a notebook: a line with a bar, written over as the work goes on."""

from __future__ import annotations

import time
from datetime import timedelta
from html import escape
from typing import Any

from rich.console import Console
from rich.progress import Task

EVERY = 0.25
"""Seconds between two looks of the line; a browser far away must keep up."""


def in_notebook() -> bool:
    """Whether this is a notebook's kernel, whose front end shows HTML."""
    return Console().is_jupyter


class NotebookLine:
    """The line. rich's own bar would need ipywidgets, and leave nothing in a notebook that was saved."""

    def __init__(self) -> None:
        self._handle: Any = None
        self._shown = -EVERY

    def show(self, task: Task, *, last: bool = False) -> None:
        """Shows how far a task is, if it is time to, or if it is the last that is shown of it."""
        now = time.monotonic()
        if now - self._shown < EVERY and not last:
            return
        self._shown = now
        looks = {"text/html": line(task), "text/plain": text(task)}
        if self._handle is None:
            from IPython.display import display

            self._handle = display(looks, raw=True, display_id=True)
        else:
            self._handle.update(looks, raw=True)


def text(task: Task) -> str:
    """How far a task is, in words: `5 of 20, 0:00:12, 0:00:36 left: similarity edsr`."""
    words = [f"{int(task.completed)} of {int(task.total or 0)}"]
    if task.elapsed is not None:
        words.append(_rounded(task.elapsed))
    if task.finished:
        return ", ".join(words)
    if task.time_remaining is not None:
        words.append(f"{_rounded(task.time_remaining)} left")
    return f"{', '.join(words)}: {task.description}"


def line(task: Task) -> str:
    """The same as HTML, behind a bar."""
    return (
        f'<progress value="{int(task.completed)}" max="{max(int(task.total or 0), 1)}" style="width: 16em; '
        f'vertical-align: middle"></progress> {escape(text(task))}'
    )


def _rounded(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))

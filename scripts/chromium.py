"""The machine's own Chromium, headless, for the scripts and the tests that look at a page."""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page

# no sandbox: it may run as root in a container; the rest keeps the browser itself from calling home
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--no-first-run",
)


def find_chromium() -> str | None:
    """The program's path; None where there is none."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def until(page: Page, expression: str, argument: object = None, seconds: float = 60) -> None:
    """Waits until a JavaScript expression, or function of `argument`, is true.

    Playwright's own `wait_for_function` evaluates text from its second look on, which our page's policy forbids.

    Raises:
        TimeoutError: it is not true in time.
    """
    ends = time.monotonic() + seconds
    while not page.evaluate(expression, argument):
        if time.monotonic() >= ends:
            raise TimeoutError(f"not true in {seconds} s: {expression}")
        page.wait_for_timeout(20)

"""A real browser for the tests of pages: the machine's own Chromium, headless, watched."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from scripts.chromium import FLAGS, find_chromium

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Request


@dataclass
class Watched:
    """A page of a fresh browser context, and what it did that it should not.

    Attributes:
        page: Playwright's page.
        errors: the console's errors and warnings, uncaught exceptions, dialogs.
        outside: addresses asked for that are not of the page's own origin.
    """

    page: Page
    errors: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)

    def watch(self) -> None:
        self.page.on("console", lambda m: self.errors.append(m.text) if m.type in ("error", "warning") else None)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("dialog", lambda dialog: (self.errors.append(dialog.message), dialog.dismiss()))
        self.page.on("request", self._asked)
        self.page.on("websocket", lambda socket: self._note(socket.url))

    def _asked(self, request: Request) -> None:
        own = request.is_navigation_request() and request.frame == self.page.main_frame
        if not own:
            self._note(request.url)

    def _note(self, url: str) -> None:
        asked, own = urlsplit(url), urlsplit(self.page.url)
        if asked.scheme in ("data", "blob"):
            return
        if (asked.scheme.replace("ws", "http"), asked.netloc) != (own.scheme, own.netloc):
            self.outside.append(url)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A headless Chromium, the one of the session (playwright allows no second); tests skip where there is none."""
    driver = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install -e '.[dev]'")
    program = find_chromium()
    if program is None:
        pytest.skip("needs Chromium on the path (apt-get install chromium)")
    with driver.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=program, args=list(FLAGS))
        yield opened
        opened.close()


@pytest.fixture
def browser_page(browser: Browser) -> Iterator[Watched]:
    """A page of 1440 x 900 in a fresh context, watched."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    watched = Watched(context.new_page())
    watched.watch()
    yield watched
    context.close()

"""A real browser without a window, and what a page does in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from l2xbench.report.page import write_page
from l2xbench.run.results import read_runs
from l2xbench.store.store import Store
from tests.report.results import make_results


class Silent:
    """A `run.progress.Progress` that says nothing."""

    def start(self, total: int) -> None: ...

    def working(self, what: str) -> None: ...

    def advance(self, units: int, *, reused: bool = False) -> None: ...

    def failed(self, failure: object) -> None: ...

    def note(self, text: str) -> None: ...


def make_page(root: Path, *, one_file: bool | None = None) -> Path:
    """The page of a results folder."""
    store = Store(root)
    return write_page(read_runs(store), Silent(), one_file=one_file).path


@dataclass
class Visit:
    """A page in the browser, and what it did."""

    page: Any
    errors: list[str] = field(default_factory=list)
    """Errors of the console and of scripts, and dialogs."""
    requests: list[str] = field(default_factory=list)


Open = Callable[..., Visit]


@pytest.fixture
def visit(browser: Any) -> Iterator[Open]:
    """Opens a page from disk; in the end there was no error in the console, and nobody was asked for anything."""
    visits: list[Visit] = []

    def opened(
        path: Path, address: str = "", *, width: int = 1280, scheme: str = "light", wanted: bool = True
    ) -> Visit:
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        page = context.new_page()
        made = Visit(page)
        page.on("console", lambda m: made.errors.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: made.errors.append(str(error)))
        page.on("dialog", lambda dialog: (made.errors.append(dialog.message), dialog.dismiss()))
        page.on("request", lambda request: made.requests.append(request.url))
        page.goto(path.as_uri() + address)
        if wanted:
            page.wait_for_selector("#panels .panel")
        visits.append(made)
        return made

    yield opened
    for made in visits:
        made.page.context.close()
        assert made.errors == []
        assert [url for url in made.requests if not url.startswith(("file:", "data:"))] == []


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a study with everything, as one file."""
    from tests.report.results import EVERYTHING

    root = make_results(tmp_path_factory.mktemp("whole"), **EVERYTHING)
    return make_page(root)

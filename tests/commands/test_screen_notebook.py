"""What a run shows in a notebook, held in a front end of the test's own."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from l2xbench.commands import screen, screen_notebook


class FrontEnd:
    """Keeps what is displayed, and what it is written over with."""

    def __init__(self) -> None:
        self.shown: list[str] = []

    def display(self, looks: dict[str, str], **how: bool) -> FrontEnd:
        assert how == {"raw": True, "display_id": True}
        return self.update(looks, raw=True)

    def update(self, looks: dict[str, str], *, raw: bool) -> FrontEnd:
        assert raw and looks["text/html"].startswith("<progress ")
        self.shown.append(looks["text/plain"])
        return self


@pytest.fixture
def front_end(monkeypatch: pytest.MonkeyPatch) -> FrontEnd:
    display = pytest.importorskip("IPython.display")
    found = FrontEnd()
    monkeypatch.setattr(display, "display", found.display)
    monkeypatch.setattr(screen_notebook, "in_notebook", lambda: True)
    monkeypatch.setattr(screen, "in_notebook", lambda: True)
    monkeypatch.setattr(screen_notebook, "EVERY", 0.0)
    return found


def test_a_line_tells_how_far_the_work_is(front_end: FrontEnd) -> None:
    with screen.RunProgress(Console(file=io.StringIO())) as progress:
        progress.start(3)
        progress.working("restoration <edsr> baby")
        progress.advance(1, reused=True)
        progress.advance(2)
        progress.start(1)  # figures, after the run itself
        progress.working("drawing")
        progress.advance(1)
    assert front_end.shown[0].startswith("0 of 3") and front_end.shown[0].endswith(": starting")
    assert front_end.shown[1].endswith(": restoration <edsr> baby")
    assert front_end.shown[2].startswith("0 of 2"), "what was found done took no time, and is not counted"
    assert front_end.shown[-1].startswith("2 of 2, 0:00:0") and "left" not in front_end.shown[-1]


def test_names_in_the_line_are_text_not_html(front_end: FrontEnd, monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[str] = []
    monkeypatch.setattr(front_end, "update", lambda looks, raw: lines.append(looks["text/html"]) or front_end)
    with screen.RunProgress(Console(file=io.StringIO())) as progress:
        progress.start(1)
        progress.working("<img src=x>")
    assert lines and all("<img" not in line for line in lines) and any("&lt;img" in line for line in lines)


def test_it_is_written_over_no_faster_than_a_reader_looks(front_end: FrontEnd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(screen_notebook, "EVERY", 1e9)
    with screen.RunProgress(Console(file=io.StringIO())) as progress:
        progress.start(1000)
        for _ in range(1000):
            progress.advance(1)
    assert len(front_end.shown) == 2, "the first and the last"


def test_what_a_run_says_is_plain_text_in_a_notebook(
    front_end: FrontEnd, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # as kernels have it
    screen.run_console().print("[yellow]warning[/] " + "word " * 20)
    said = capsys.readouterr().out
    assert "\x1b" not in said and said.count("\n") == 1


def test_a_log_has_a_line_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(screen, "LOG_EVERY", 0.0)
    log = io.StringIO()
    with screen.RunProgress(Console(file=log, width=40)) as progress:
        progress.start(3)
        progress.working("ablation edsr photographs")
        progress.advance(2)
    lines = log.getvalue().splitlines()
    assert lines[1].startswith("0 of 3") and lines[1].endswith(": ablation edsr photographs")
    assert lines[-1].startswith("2 of 3, 0:00:0") and "\x1b" not in log.getvalue()


def test_a_terminal_has_its_bar_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(screen, "LOG_EVERY", 0.0)
    shown = io.StringIO()
    with screen.RunProgress(Console(file=shown, width=120, force_terminal=True)) as progress:
        progress.start(3)
        progress.advance(2)
    assert "0 of 3" not in shown.getvalue() and "2/3" in shown.getvalue()


def test_a_short_run_in_a_log_has_no_such_line(capsys: pytest.CaptureFixture[str]) -> None:
    with screen.RunProgress(screen.run_console()) as progress:
        progress.start(1)
        progress.advance(1)
    assert not screen_notebook.in_notebook() and capsys.readouterr().out == ""

"""The docs' measured tables and figures are made anew by one command, and only by it."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def evidence(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    return importlib.import_module("evidence")


@pytest.fixture
def places(evidence: ModuleType, tmp_path: Path) -> object:
    """A stand-in for results, with one table and one figure."""
    keep = tmp_path / "kept"
    (keep / "tables").mkdir(parents=True)
    rows = {"model": ["carn-m", "bicubic"], "psnr": [31.456, 28.4], "gap": [-0.25, None]}
    pd.DataFrame(rows).to_csv(keep / "tables/t.csv", index=False)
    (keep / "cka.png").write_bytes(b"picture")
    return evidence.Places(None, tmp_path, keep)


def page(tmp_path: Path, said: str, shown: str = "old\n") -> Path:
    path = tmp_path / "docs/page.md"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"before\n<!-- evidence\n{said}\n-->\n{shown}<!-- evidence ends -->\nafter\n")
    return path


TABLE = """run: python -c 'print(7)'
table: "{keep}/tables/t.csv"
columns: {network: "{model}", PSNR: "{psnr:.2f}", gap: "{gap:.2f}"}"""


def test_a_table_is_written_between_the_comments(evidence: ModuleType, places: object, tmp_path: Path) -> None:
    path = page(tmp_path, TABLE)
    assert evidence.renew([path], places) == 1
    rows = "| network | PSNR | gap |\n| --- | ---: | ---: |\n| carn-m | 31.46 | −0.25 |\n| bicubic | 28.40 | – |\n"
    assert path.read_text() == f"before\n<!-- evidence\n{TABLE}\n-->\n{rows}<!-- evidence ends -->\nafter\n"
    assert evidence.renew([path], places) == 0, "nothing else was measured"


def test_rows_text_and_figures(evidence: ModuleType, places: object, tmp_path: Path) -> None:
    path = page(tmp_path, TABLE + "\nwhere: model != 'bicubic'\nfigure: {'{keep}/cka.png': figures/cka.png}")
    path.write_text(
        path.read_text()
        + "<!-- evidence\nrun: [python -c 'print(1)', python -c 'print(7)']\ntext: true\n-->\n<!-- evidence ends -->\n"
    )
    assert evidence.renew([path], places) == 2
    assert "bicubic |" not in path.read_text() and "```text\n7\n```\n<!-- evidence ends -->" in path.read_text()
    assert (path.parent / "figures/cka.png").read_bytes() == b"picture"


def test_text_that_is_markdown_is_a_part_of_the_page(evidence: ModuleType, places: object, tmp_path: Path) -> None:
    path = page(tmp_path, "run: python -c 'print(7)'\ntext: markdown")
    assert evidence.renew([path], places) == 1
    assert "-->\n7\n<!-- evidence ends -->" in path.read_text()


def test_each_command_runs_once_and_only_what_is_asked(
    evidence: ModuleType, places: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = page(tmp_path, TABLE)
    path.write_text(path.read_text() * 2 + path.read_text().replace("print(7)", "print(8)"))
    ran: list[str] = []
    monkeypatch.setattr(evidence, "run", lambda command: ran.append(command) or "")
    evidence.renew([path], places, only="print(7)")
    assert ran == ["python -c 'print(7)'"]
    assert path.read_text().count("old\n") == 1


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("run: python -c pass", "needs run, and table, text or figure"),
        ("run: python -c pass\ntabel: x\ncolumns: {}", "needs run, and table, text or figure"),
        ("run: python -c pass\ntable: x.csv", "table and columns belong together"),
        ("run: [", "is not YAML"),
        (TABLE.replace("t.csv", "none.csv"), "none.csv: FileNotFoundError"),
        (TABLE.replace("{model}", "{mode}"), "t.csv: KeyError: 'mode'"),
        (TABLE.replace("python -c 'print(7)'", "python -c 'raise SystemExit(3)'"), "ended with exit code 3"),
        (TABLE.replace("python -c 'print(7)'", "rm -rf x"), "neither l2xbench nor python"),
    ],
)
def test_what_is_wrong_is_told(evidence: ModuleType, places: object, tmp_path: Path, said: str, told: str) -> None:
    path = page(tmp_path, said)
    before = path.read_text()
    with pytest.raises(SystemExit, match=told):
        evidence.renew([path], places)
    assert path.read_text() == before


def test_a_block_without_an_end_is_told(evidence: ModuleType, tmp_path: Path) -> None:
    path = page(tmp_path, TABLE)
    path.write_text(path.read_text().replace("<!-- evidence ends -->", ""))
    with pytest.raises(SystemExit, match="has no end"):
        evidence.read_blocks(path)


def test_the_docs_own_blocks_are_whole(
    evidence: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["evidence.py", "--list", "--data-root", "data"])
    evidence.main()
    listed = capsys.readouterr().out
    for line in listed.splitlines():
        command = line.split(": ", 1)[1]
        for word in command.split():
            if word.endswith((".yaml", ".py")) and "{" not in word:
                assert (ROOT / word).is_file(), line

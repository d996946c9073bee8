"""A study that lies outside l2xbench, from its YAML to the page, and CONTRIBUTING, which says how it is made."""

from __future__ import annotations

import ast
import inspect
import itertools
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent

import pandas as pd
import pytest

from l2xbench.config import Block
from l2xbench.errors import RequestError
from l2xbench.studies.owed import owed_units
from l2xbench.studies.reading import config_model, parse_study
from l2xbench.studies.registry import GROUP, all_studies
from tests.conftest import Command

TOY = Path(__file__).parent / "toy"
STUDY = {"study": "s", "models": {"a": "edsr"}, "datasets": {"d": "skimage"}}


def announce(folder: Path, value: str, name: str = "brightness") -> Path:
    """What `pip install` leaves of a package that announces a study."""
    about = folder / "toy_package-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-package\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[{GROUP}]\n{name} = {value}\n")
    return folder


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Path], None]]:
    """Makes this process see what is announced in a folder."""

    def forget() -> None:
        all_studies.cache_clear()
        config_model.cache_clear()

    def see(folder: Path) -> None:
        monkeypatch.syspath_prepend(TOY)
        monkeypatch.syspath_prepend(folder)
        forget()

    yield see
    monkeypatch.undo()
    forget()


def test_a_study_of_ones_own_runs_and_is_reported(
    tmp_path: Path, write_study: Callable[..., Path], l2xbench: Command, installed: Callable[[Path], None]
) -> None:
    site = announce(tmp_path / "site", "brightness:STUDY")
    path = os.pathsep.join([str(site), str(TOY), str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
    out = tmp_path / "out"
    study = write_study(brightness={"channel": "red"}, attribution=None)
    command = [sys.executable, "-m", "l2xbench", "run", str(study), "--out", str(out)]
    environment = {**os.environ, "PYTHONPATH": path, "COLUMNS": "160"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=250)
    assert done.returncode == 0, done.stderr
    table = pd.read_csv(out / "tables/brightness.csv")
    assert table[["dataset", "model", "images"]].values.tolist() == [["photographs", "tiny", 3]]
    assert json.loads((out / "manifest.json").read_text())["study"]["brightness"] == {"channel": "red"}
    assert "brightness on photographs" in done.stdout
    page = (out / "report.html").read_text()
    sentence = f"by more than {abs(table['brighter'][0]):.2f} grey levels"
    for part in ('<a href="#brightness">Brightness</a>', 'id="h-brightness"', sentence, 'id="table-brightness"'):
        assert part in page
    without = l2xbench("report", out)
    assert without.returncode == 2 and len(without.stderr.strip().splitlines()) == 1
    assert "brightness" in without.stderr and "installed" in without.stderr

    installed(site)
    wrong = l2xbench("run", study, "--out", out, "--set", "brightness.channel=gren")
    assert wrong.returncode == 2
    assert "brightness.channel: found 'gren', allowed: red, green, blue" in wrong.stderr
    figures = {name: (out / f"figures/brightness-photographs.{name}").read_bytes() for name in ("png", "pdf")}
    assert "0 units computed" in l2xbench("run", study, "--out", out).stdout
    for made in (*out.glob("tables/brightness.*"), out / "report.html"):
        made.unlink()
    again = l2xbench("report", out)
    assert again.returncode == 0, again.stderr
    pd.testing.assert_frame_equal(pd.read_csv(out / "tables/brightness.csv"), table)
    assert sentence in (out / "report.html").read_text()
    kept = {name: (out / f"figures/brightness-photographs.{name}").read_bytes() for name in figures}
    assert kept == figures, "the figure of the same records is not drawn again"


def test_its_block_is_read_like_any_other(tmp_path: Path, installed: Callable[[Path], None]) -> None:
    with pytest.raises(RequestError, match="brightness: unknown key"):
        parse_study({**STUDY, "brightness": {}})
    installed(announce(tmp_path, "brightness:STUDY"))
    assert [study.name for study in all_studies()][-1] == "brightness"
    assert parse_study({**STUDY, "brightness": {}}).model_dump()["brightness"] == {"channel": "green"}
    assert parse_study(STUDY).model_dump()["brightness"] is None, "off where the YAML does not name it"
    with pytest.raises(RequestError, match="brightness.chanel: unknown key; did you mean 'channel'"):
        parse_study({**STUDY, "brightness": {"chanel": "red"}})


def test_options_are_read_without_what_is_slow_to_import() -> None:
    code = "import sys, l2xbench.studies.reading as r; r.config_model(); print([m for m in SLOW if m in sys.modules])"
    code = code.replace("SLOW", "('torch', 'pandas', 'matplotlib', 'scipy')")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stderr


def documented_by(block: type[Block]) -> set[str]:
    """The fields that a block or one that it extends gives a docstring."""
    found: set[str] = set()
    for each in block.__mro__[: block.__mro__.index(Block)]:
        (tree,) = ast.parse(dedent(inspect.getsource(each))).body
        assert isinstance(tree, ast.ClassDef)
        found |= {
            field.target.id
            for field, text in itertools.pairwise(tree.body)
            if isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(text, ast.Expr)
            and isinstance(text.value, ast.Constant)
        }
    return found


def test_every_option_is_documented() -> None:
    for study in all_studies():
        for block in study.blocks:
            assert documented_by(block) == set(block.model_fields), block.key


WRONG = {
    "brightness:NONE": "cannot be imported (AttributeError: ",
    "no_such_module:STUDY": "cannot be imported (ModuleNotFoundError: ",
    "brightness:Brightness": "brightness:Brightness is a ",
    "l2xbench.studies.cost:STUDY": "'cost' cannot be its name",
}


@pytest.mark.parametrize("value", WRONG)
def test_what_is_no_study_is_told_by_its_package(tmp_path: Path, installed: Callable[[Path], None], value: str) -> None:
    installed(announce(tmp_path, value))
    with pytest.raises(RequestError, match=re.escape(WRONG[value])) as raised:
        parse_study(STUDY)
    assert str(raised.value).startswith("the study 'brightness' of toy-package: ")


FORGETFUL = """
from typing import ClassVar
from l2xbench.config import Block
from l2xbench.studies.study import Study
class Nameless(Block):
    size: int = 1
class Demanding(Block):
    key: ClassVar[str] = "odd"
    size: int
class Options(Block):
    key: ClassVar[str] = "odd"
class Odd(Study):
    name = "odd"
    def __init__(self, *blocks, units=()):
        self.blocks, self.owed = blocks, list(units)
    def units(self, config):
        return self.owed
class NoName(Study):
    blocks = (Options,)
no_name, no_key, no_default = NoName(), Odd(Nameless), Odd(Demanding)
twice, no_json = Odd(units=[("a", {}), ("a", {})]), Odd(units=[("a", {"size": {1, 2}})])
"""


@pytest.mark.parametrize(
    ("study", "said"),
    [
        ("no_name", "'' cannot be its name"),
        ("no_key", "its block Nameless has no `key`"),
        ("no_default", "its block 'odd': 'size' has no default"),
        ("twice", "the study 'odd' gives two units the label 'a'"),
        ("no_json", "the study 'odd' has options that cannot be kept: Object of type set"),
    ],
)
def test_what_a_study_forgets_is_told_before_anything_runs(
    tmp_path: Path, installed: Callable[[Path], None], study: str, said: str
) -> None:
    (tmp_path / "forgetful.py").write_text(FORGETFUL)
    installed(announce(tmp_path, f"forgetful:{study}"))
    with pytest.raises(RequestError, match=re.escape(said)):
        owed_units(parse_study(STUDY))


def test_contributing_shows_what_runs_here() -> None:
    text = (Path(__file__).parents[2] / "CONTRIBUTING.md").read_text()
    section = text[text.index("\n## A study") :]
    section = section[: section.index("\n## ", 4)]
    blocks = [dedent(each) for each in re.findall(r"```(?:python|html)\n(.*?) *```", section, re.DOTALL)]
    files = [path.read_text() for path in (TOY / "brightness").iterdir() if path.is_file()]
    assert len(blocks) > 3
    for block in blocks:
        assert any(block in file for file in files), f"in none of the toy's files:\n{block}"
    assert f'[project.entry-points."{GROUP}"]\nbrightness = "brightness:STUDY"\n' in section

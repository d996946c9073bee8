"""What README and docs tell a reader to type is right: Python runs, studies are read, commands are understood."""

from __future__ import annotations

import importlib
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from l2xbench.studies.reading import parse_study
from l2xbench.zoo.cards import make_card

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NETWORK = """
import torch
class Net(torch.nn.Module):
    scale = 4
    def __init__(self, features=16):
        super().__init__()
        self.last = torch.nn.Conv2d(3, 48, 3, padding=1)
    def forward(self, x):
        return torch.nn.functional.pixel_shuffle(self.last(x), 4)
"""
DENOISER = NETWORK.replace("scale = 4", "scale = 1").replace("class Net", "class Denoiser").replace("48", "3")
DENOISER = DENOISER.replace("torch.nn.functional.pixel_shuffle(self.last(x), 4)", "self.last(x)")
ELSEWHERE = (
    "l2xbench run demo",
    "l2xbench ablate",
    "l2xbench run configs/",
    "l2xbench explore",
    "l2xbench cka",
    "l2xbench fetch",
    "l2xbench bundle",
    "l2xbench merge",
    "l2xbench reach Urban100",
    "l2xbench context Urban100",
    "l2xbench inside edsr-compact photo.png --crop",
    "l2xbench lam hr.png",
)
"""Commands that are tested where they are at home, with less to do; here they are only parsed."""
OF_THE_READERS = (".pt", "mine.yaml", "large.yaml")
"""What names a file that only the reader has."""


def blocks(language: str) -> Iterator[Any]:
    """Every block of a language, by page and number."""
    for page in PAGES:
        found = [text for kind, text in FENCE.findall(page.read_text()) if kind == language]
        for number, text in enumerate(found):
            yield pytest.param(text, id=f"{page.relative_to(ROOT)}-{number}")


def commands() -> Iterator[Any]:
    """Every `l2xbench ...` line of every block, by page."""
    for page in PAGES:
        for kind, text in FENCE.findall(page.read_text()):
            if kind in ("sh", ""):
                for line in text.replace("\\\n", "").splitlines():
                    if line.startswith("l2xbench "):
                        yield pytest.param(line, id=f"{page.relative_to(ROOT)}: {line.split('   ')[0]}")


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with what the pages take for granted: photographs, a folder of them, classes of one's own."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    noise = np.random.default_rng(0)
    for name, side in (("photo.png", 24), ("hr.png", 96), ("photos/a.png", 64), ("photos/b.png", 64)):
        Image.fromarray(noise.integers(0, 256, (side, side, 3), dtype=np.uint8)).save(tmp_path / name)
    (tmp_path / "my_network.py").write_text(NETWORK)
    (tmp_path / "my_denoiser.py").write_text(DENOISER)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "my_network.yaml").write_text("provider: module\nmodule: ./my_network.py:Net\n")
    return tmp_path


@pytest.mark.parametrize("text", blocks("python"))
def test_python_runs(text: str, desk: Path) -> None:
    """As it stands: with no name that the reader was not given."""
    torch.manual_seed(0)
    exec(compile(text, "a page", "exec"), {"__name__": "page"})


def test_what_a_network_in_bgr_needs_is_what_the_page_shows(desk: Path) -> None:
    (shown,) = (each.values[0] for each in blocks("python") if "class Rgb" in each.values[0])
    names: dict[str, Any] = {"__name__": "page"}
    exec(compile(shown, "a page", "exec"), names)
    network, image = names["Rgb"](), torch.rand(1, 3, 8, 8)
    bgr = network.network(image[:, [2, 1, 0]])
    assert torch.equal(network(image), bgr[:, [2, 1, 0]])


def test_the_card_of_the_first_page_finds_the_weights_that_the_page_saves(desk: Path) -> None:
    import l2xbench

    text = (ROOT / "docs/start/your-network.md").read_text()
    python, card = (
        next(found for kind, found in FENCE.findall(text) if kind == wanted) for wanted in ("python", "yaml")
    )
    whole, _, _ = python.partition("\nnet = Net()")
    (desk / "my_network.py").write_text(whole)
    exec(compile(python, "a page", "exec"), {"__name__": "page"})
    (desk / "my_network.yaml").write_text(card)
    network = l2xbench.load_model("./my_network.yaml", trust=True)
    assert network(torch.rand(1, 3, 8, 8)).shape == (1, 3, 32, 32)


@pytest.mark.parametrize("text", blocks("yaml"))
def test_studies_and_cards_are_read(text: str) -> None:
    written = yaml.safe_load(text)
    if "entry-points" in text or not isinstance(written, dict):
        return
    if "provider" in written:
        make_card({"name": "page", **written}, source="page", folder=ROOT)
        return
    whole = {"study": "page", "models": {"a": "edsr-compact"}, "datasets": {"d": {"path": "skimage"}}}
    parse_study({**whole, **written})


@pytest.mark.parametrize("line", commands())
def test_commands_are_understood(line: str) -> None:
    """The program takes these words: the command is there, and so are its flags and their values."""
    from typer.main import get_command

    from l2xbench.cli.program import app

    group: Any = get_command(app)
    _, name, *words = shlex.split(line, comments=True)
    group.commands[name].make_context(name, words)


def short_commands() -> Iterator[Any]:
    """Those that can be run here, in little time."""
    for each in commands():
        (line,) = each.values
        if not line.startswith(ELSEWHERE) and not any(part in line for part in OF_THE_READERS):
            yield each


@pytest.mark.slow
@pytest.mark.parametrize("line", short_commands())
def test_commands_run(line: str, desk: Path) -> None:
    """Each does what the page says, on the desk's small images."""
    words = [word.replace("a,b", "edsr-compact,carn-compact") for word in shlex.split(line, comments=True)]
    done = subprocess.run([sys.executable, "-m", *words], capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode in (0, 1), done.stderr


def test_links_lead_somewhere() -> None:
    """Every relative link of the README; those between the docs' pages are checked when the site is built."""
    text = (ROOT / "README.md").read_text()
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in link]
    assert len(links) > 10
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_reference_pages_have_every_key_flag_and_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    reference = importlib.import_module("reference")
    study, card, command, rules = (
        reference.PAGES[f"reference/{name}.md"]() for name in ("study", "card", "command-line", "rules")
    )
    for key in ("`degrade`", "`estimator`", "`random_orders`", "## `lam`"):
        assert key in study
    # a key without a docstring would stand there with an empty last cell
    for page in (study, card):
        assert re.findall(r"^\| `\w+` \|.*\|  \|$", page, re.MULTILINE) == [], "keys without a docstring"
    for name, page in reference.PAGES.items():
        outside_code = re.sub(r"```.*?```|`[^`]*`", "", page(), flags=re.DOTALL)
        assert re.findall(r"<\w[^>]*>", outside_code) == [], f"{name}: taken for tags, and not shown"
    assert "`weights_key`" in card and "`--target`" in command and "`relu`" in rules
    for switch in ("`--maps`, `--no-maps`", "`--one-file`, `--folder`"):
        assert switch in command
    assert "``" not in card, "an empty default"
    assert all("| |" not in page for page in (study, card, command)), "a heading without words"


def test_pages_that_only_the_site_has_are_said_to_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader of the clone finds no file there."""
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    made = "|".join(Path(name).stem for name in importlib.import_module("reference").PAGES)
    dead = re.compile(rf"\]\((?:\.\./)?reference/(?:{made})\.md")
    silent = [page.name for page in PAGES if dead.search(page.read_text()) and "make docs" not in page.read_text()]
    assert silent == []


def test_what_belongs_to_a_step_is_indented_as_the_site_needs_it() -> None:
    """By four, or the site's numbers begin anew after each piece of code."""
    for page in [ROOT / "CONTRIBUTING.md", *PAGES]:
        assert re.findall(r"^ {1,3}```", page.read_text(), re.MULTILINE) == [], page.name


def test_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 150


def told_columns() -> dict[str, set[str]]:
    """Table -> the columns that the page on tables tells of under its heading."""
    _, *sections = re.split(r"^## ", (ROOT / "docs/reference/tables.md").read_text(), flags=re.MULTILINE)
    found: dict[str, set[str]] = {}
    for section in sections:
        heading, _, text = section.partition("\n")
        names = re.findall(r"`([^`]+)`", " ".join(re.findall(r"^\| (`.*?) \|", text, re.MULTILINE)))
        like = re.findall(r"The columns of `(\w+)`", text)
        for table in heading.split(", "):
            found[table] = {*names, *(name for each in like for name in found[each]), *re.findall(r"`(\w+)`", text)}
    return found


SAME_EVERYWHERE = {"dataset", "model", "image", "method", "images", "patches", "windows", "seconds", "low", "high"}


@pytest.mark.slow
def test_every_column_of_every_table_is_told_of(tmp_path: Path, photographs: Path) -> None:
    import l2xbench

    arch = {"type": "EDSR", "num_in_ch": 3, "num_out_ch": 3, "num_feat": 4, "num_block": 4, "upscale": 4}
    network = {"provider": "l2xbench", "arch": {**arch, "rgb_mean": [0.4, 0.4, 0.4]}, "weights": "random"}
    block, maps = {"places": {"count": 1}}, ["l2x", "lam"]
    study = {
        "study": "all",
        "device": "cpu",
        "models": dict.fromkeys("abcd", network),
        "datasets": {"photographs": {"path": str(photographs), "images": 2}},
        "attribution": {"target": "patch:16,16,8,8", "methods": ["l2x"]},
        "ablation": {"ratios": [0.1, 0.2], "random_orders": 2},
        "similarity": {
            "size": 8,
            "crops": 4,
            "permutations": 9,
            "bootstrap": 20,
            "layers": "blocks",
            "seeds": {"one": ["a", "b"], "two": ["c", "d"]},
        },
        "lam": {"cases": [{"image": "photo0", "window": "8,8,8"}], "methods": maps, "steps": 2},
        "erf": {"size": 8},
        "reach": block,
        "context": {**block, "hidden": [4], "random_orders": 1},
        "referee": {"cases": [{"image": "photo0", "window": "8,8,8"}], "block": 4, "coarse": 2, "fine": 2},
        "flow": {"size": 8},
        "steadiness": {"perturbations": 2, "samples": 2},
        "sensitivity": {},
        "randomisation": {},
    }
    results = l2xbench.run_study(study, tmp_path / "out")
    told = told_columns()
    missing = []
    for name, frame in results.tables.items():
        known = told.get(name, set()) | SAME_EVERYWHERE
        missing += [f"{name}: {column}" for column in frame.columns if column not in known and "%" not in column]
    missing = [each for each in missing if not each.startswith("table1:")]
    assert missing == []
    assert set(told) - set(results.tables) - {"failures", "sources"} == set(), "told of, and not there"
    assert len(results.tables["failures"]) == 0

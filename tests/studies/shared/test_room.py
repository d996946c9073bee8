"""Windows, patches and targets outside every image are refused before anything is done, in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from l2xbench.errors import RequestError
from l2xbench.studies.reading import parse_study
from l2xbench.studies.registry import all_studies
from tests.conftest import Command


def check(sizes: dict[str, tuple[int, int]], **blocks: object) -> None:
    """What the studies say of a study with these blocks and LR sizes of images, height first."""
    study = parse_study({"study": "s", "models": {"a": "edsr-compact"}, "datasets": {"set": "skimage"}, **blocks})
    for each in all_studies():
        each.check_sizes(study, lambda: {"set": sizes})


@pytest.mark.parametrize(
    ("blocks", "line"),
    [
        ({"attribution": {"target": "patch:60,0,8,8"}}, r"attribution\.target: target 'patch:60,0,8,8' is outside"),
        ({"attribution": {"target": "neuron:0,0,80"}}, r"attribution\.target: .*column 80 must be 0 to 79"),
        ({"erf": {"size": 17}}, r"erf\.size: no image has 17 LR pixels a side; the largest that fits is 16"),
        ({"reach": {"places": [[0, 0], [70, 0]]}}, r"reach\.places: the patch of 16 x 16 SR pixels at 70,0 .*80 x 64"),
        (
            {"context": {"places": [[0, 56]]}},
            r"context\.places: .*; .*, large; left is at most 64, top 48",
        ),
        ({"context": {"places": [[0, 0]], "size": 70}}, r"a side of at most 64 fits"),
        ({"lam": {"cases": [{"image": "small", "window": "20,0,16"}]}}, r"lam\.cases\[0\]\.window: .* of small; left"),
        ({"lam": {"cases": "auto", "size": 65}}, r"lam\.size: no SR image has 65 pixels a side; the largest .* 64"),
        ({"referee": {"size": 65}}, r"referee\.size: no SR image has 65 pixels a side"),
    ],
)
def test_what_no_image_has_is_refused_by_key(blocks: dict[str, object], line: str) -> None:
    with pytest.raises(RequestError, match=line):
        check({"small": (8, 8), "large": (16, 20)}, **blocks)


@pytest.mark.parametrize(
    "blocks",
    [
        {"attribution": {"target": "patch:56,72,8,8"}},
        {"erf": {"size": 16}},
        {"erf": {"size": 500, "variant": "mambair"}},
        {"reach": {"places": [[0, 0], [64, 48]]}},
        {"lam": {"cases": [{"image": "small", "window": "16,16,16"}, {"image": "absent", "window": "900,0,16"}]}},
        {"lam": {"cases": "auto", "size": 64}},
    ],
)
def test_what_one_image_has_is_not(blocks: dict[str, object]) -> None:
    check({"small": (8, 8), "large": (16, 20)}, **blocks)
    check({}, **blocks)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["reach", "{folder}", "--at", "500,500"], "--at: the patch of 16 x 16 SR pixels at 500,500"),
        (["reach", "{folder}", "--at", "-4,0"], "--at -4,0: a negative number"),
        (["context", "{folder}", "--at", "500,500"], "--at: the patch of 16 x 16 SR pixels at 500,500"),
        (["erf", "{folder}", "--size", "5000"], "--size: no image has 5000 LR pixels a side"),
        (["erf", "nofolder"], "l2xbench: 'nofolder' is not in"),
        (["erf", "{folder}/photo0.png"], "photo0.png: this is a file; a folder of images is needed"),
        (["explain", "{folder}/photo0.png", "--target", "patch:9000,0,16,16"], "--target: target 'patch:9000,0,16,16'"),
        (["inside", "edsr-compact", "--crop", "-4,0,16"], "--crop -4,0,16: a negative number"),
    ],
)
def test_quick_commands_tell_their_flag_and_leave_no_folder(
    l2xbench: Command,
    tmp_path: Path,
    photographs: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    line: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("L2XBENCH_HOME", str(tmp_path / "home"))
    models = [] if arguments[0] == "inside" else ["--models", "edsr-compact"]
    done = l2xbench(*(each.format(folder=photographs) for each in arguments), *models)
    assert (done.returncode, len(done.stderr.strip().splitlines())) == (2, 1), done.stdout + done.stderr
    assert line in done.stderr
    assert not (tmp_path / "results").exists()

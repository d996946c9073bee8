"""Lines that name the file, the key and what would be right, and nothing that only the code knows."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from l2xbench.attribution.errors import AttributionError
from l2xbench.attribution.parts import chosen_parts
from l2xbench.errors import RequestError
from l2xbench.system.files import not_whole
from l2xbench.zoo.checkpoints import read_checkpoint
from tests.conftest import Command

Write = Callable[..., Path]


def test_what_is_wrong_with_a_study_names_its_file(
    l2xbench: Command, tmp_path: Path, write_study: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty").mkdir()
    for wrong, said in (
        ({"models": {"edsr": "no-such-card"}}, "models.edsr: "),
        ({"models": {"edsr": {"card": "edsr-compact", "weights": "./none.pth"}}}, "models.edsr: "),
        ({"models": {"edsr": "./none.pth"}}, "models.edsr: "),
        ({"models": {"edsr": "edsr-compact"}, "scale": 3}, "models.edsr: the card is for scale 4"),
        ({"datasets": {"d": "./none"}}, "datasets.d: path: "),
        ({"datasets": {"d": "./empty"}}, "datasets.d: path: "),
    ):
        study = write_study(**wrong)
        for command in ("run", "ablate"):
            done = l2xbench(command, study, "--dry-run")
            assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
            assert done.stderr.startswith(f"l2xbench: {study}: {said}"), done.stderr
            assert done.stderr.count(str(study)) == 1


def test_a_checkpoint_that_is_not_there_is_told_by_its_path(l2xbench: Command, write_study: Write) -> None:
    done = l2xbench("run", write_study(models={"edsr": "./nope.pth"}))
    assert "models.edsr: " in done.stderr and "nope.pth: no such checkpoint file" in done.stderr
    assert "weights.file" not in done.stderr


def test_a_name_that_is_refused_says_so(l2xbench: Command, write_study: Write) -> None:
    done = l2xbench("run", write_study(models={"my odd network (BGR)": "edsr-compact"}))
    assert "models.my odd network (BGR): this name is refused" in done.stderr and "[key]" not in done.stderr


def test_an_unknown_study_lists_the_bundled_ones_once(l2xbench: Command) -> None:
    for name, guess in (("nothing-like-it", ""), ("demmo", "did you mean 'demo'? ")):
        done = l2xbench("run", name)
        assert f"no such study file; {guess}bundled: " in done.stderr
        assert done.stderr.count("methods") == 1


def test_networks_of_one_stem_are_told_apart(l2xbench: Command, tmp_path: Path, photographs: Path) -> None:
    for folder in ("aa", "bb"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "net.py").write_text(
            "import torch\nclass Net(torch.nn.Upsample):\n    scale = 4\n"
            "    def __init__(self):\n        super().__init__(scale_factor=4)\n"
        )
    both = f"{tmp_path}/aa/net.py:Net,{tmp_path}/bb/net.py:Net"
    told = f"Net is {tmp_path}/aa/net.py:Net, Net-2 is {tmp_path}/bb/net.py:Net"
    image = photographs / "photo0.png"
    assert told in l2xbench("explain", image, "--models", both, "--trust", "--out", tmp_path / "out").stdout
    done = l2xbench(
        "erf", photographs, "--models", both, "--trust", "--size", 8, "--dry-run", "--out", tmp_path / "erf"
    )
    assert told in done.stdout


def test_a_cut_checkpoint_is_told_without_the_systems_words(tmp_path: Path) -> None:
    torch.save({f"layer{number}.weight": torch.rand(64, 64) for number in range(4)}, tmp_path / "whole.pth")
    content = (tmp_path / "whole.pth").read_bytes()
    for share in (0.3, 0.6, 0.95):
        cut = tmp_path / "cut.pth"
        cut.write_bytes(content[: int(share * len(content))])
        with pytest.raises(RequestError, match=r"cut.pth: truncated or") as caught:
            read_checkpoint(cut)
        assert "Errno" not in str(caught.value)


def test_a_damaged_archive_is_not_called_a_part_of_one(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", "a" * 200)
    content = bytearray(path.read_bytes())
    content[80] ^= 1
    path.write_bytes(content)
    with zipfile.ZipFile(path) as archive, pytest.raises(zipfile.BadZipFile) as caught:
        archive.read("a.txt")
    assert not_whole(path, caught.value).startswith("damaged (Bad CRC-32")
    path.write_bytes(content[:100])
    assert not_whole(path, zipfile.BadZipFile("File is not a zip file")).startswith("not a whole zip archive")


def test_few_of_many_submodules_are_listed() -> None:
    network = nn.Sequential(*(nn.Sequential(nn.Conv2d(3, 3, 1)) for _ in range(50)))
    with pytest.raises(
        AttributionError, match=r"'nosuch\.\*' does not exist; there are 100: 0, 0\.0, 1, .*\.\.\.$"
    ) as caught:
        chosen_parts(network, "nosuch.*")
    assert len(str(caught.value)) < 200

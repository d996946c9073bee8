"""Receptive fields from the command to tables and figures, on networks whose fields are known."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from l2xbench.studies.erf.area import squares_holding
from l2xbench.studies.erf.figure import FieldPicture, field_figure
from l2xbench.studies.erf.findings import erf_findings
from l2xbench.studies.erf.means import MeanField
from l2xbench.words import words
from tests.conftest import Command

STACK = """
import torch
class Stack(torch.nn.Module):
    scale = {scale}
    def __init__(self):
        super().__init__()
        self.layers = torch.nn.ModuleList(
            torch.nn.Conv2d(3, 3, 3, padding=1, groups=3, bias=False) for _ in range({depth})
        )
        for layer in self.layers:
            torch.nn.init.constant_(layer.weight, 1 / 9)
    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x.repeat_interleave(self.scale, 2).repeat_interleave(self.scale, 3) - 0.5
"""


def expected(depth: int, share: float) -> int:
    """The radius: the middle 2 r + 1 trinomial coefficients, squared, hold more than the share."""
    line = reduce(np.convolve, [np.ones(3)] * depth) / 3**depth
    return next(r for r in range(depth + 1) if line[depth - r : depth + r + 1].sum() ** 2 > share)


@pytest.mark.parametrize("scale", [1, 2])
def test_stacks_of_convolutions_have_their_closed_form(
    l2xbench: Command, tmp_path: Path, photographs: Path, scale: int
) -> None:
    for depth in (2, 5):
        (tmp_path / f"stack{depth}.py").write_text(STACK.format(scale=scale, depth=depth))
    models = ",".join(f"{tmp_path}/stack{depth}.py:Stack" for depth in (2, 5))
    out = tmp_path / "out"
    arguments = ["--models", models, "--trust", "--size", "16", "--scale", scale, "--out", out]
    done = l2xbench("erf", photographs, *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    table = pd.read_csv(out / "tables/erf.csv")
    assert len(table) == 2 * 2 * 4
    assert set(table["images"]) == {3}
    depths = dict(zip(table["model"].drop_duplicates(), (2, 5), strict=True))
    for row in table.to_dict("records"):
        radius = expected(depths[row["model"]], row["share"])
        assert (row["radius"], row["side"]) == (radius, 2 * radius + 1), row
        assert row["area"] == pytest.approx((2 * radius + 1) ** 2 / 256)
    for kind in ("gradient", "multipliers"):
        assert (out / f"figures/erf-photographs-{kind}.pdf").read_bytes().startswith(b"%PDF")
    findings = (out / "tables/findings.md").read_text()
    assert "no network is shown to have a wider effective receptive field (gradient) than another" in findings
    assert f"within 5.0 {words(scale).lr} pixels (5.0 to 5.0) for Stack-2" in findings and "takes 6 images" in findings


def test_images_too_small_are_told_and_mambairs_variant_takes_them(
    l2xbench: Command, tmp_path: Path, photographs: Path
) -> None:
    (tmp_path / "stack.py").write_text(STACK.format(scale=2, depth=2))
    arguments = ["--models", f"{tmp_path}/stack.py:Stack", "--trust", "--scale", 2, "--of", "gradient"]
    done = l2xbench("erf", photographs, *arguments, "--size", 40, "--out", tmp_path / "out")
    assert done.returncode == 2
    assert (
        "--size: no image has 40 LR pixels a side; the largest that fits is 20, and with --variant mambair"
        in done.stderr
    )
    assert not (tmp_path / "out").exists()
    done = l2xbench("erf", photographs, *arguments, "--variant", "mambair", "--size", 40, "--out", tmp_path / "all")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "40 x 40 LR pixels by the nearest pixel" in (tmp_path / "all/tables/erf.md").read_text()


@pytest.mark.parametrize(
    ("arguments", "expected_error"),
    [
        (["{folder}", "--of", "gradients"], "--of: found 'gradients'"),
        (["{folder}", "--variant", "mamba"], "--variant: found 'mamba'"),
        (["{folder}/none"], "there is no folder"),
        (["Urban10"], "no set of this name is known"),
    ],
)
def test_a_wrong_request_is_one_line(
    l2xbench: Command, tmp_path: Path, photographs: Path, arguments: list[str], expected_error: str
) -> None:
    given = [argument.format(folder=photographs) for argument in arguments]
    done = l2xbench("erf", *given, "--models", "edsr-compact", "--out", tmp_path / "out")
    assert done.returncode == 2, done.stdout + done.stderr
    assert expected_error in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def mean_field(model: str, *radii: float) -> MeanField:
    by_image = {f"image{number}": radius for number, radius in enumerate(radii)}
    return MeanField("s", model, "gradient", np.ones((3, 3)), len(radii), (), by_image)


def test_findings_name_the_ends_only_where_they_differ_beyond_chance() -> None:
    far, near = (30.0, 31, 30, 29, 30, 30, 32, 28), (7.0, 7, 8, 7, 6, 7, 7, 7)
    (told,) = erf_findings([mean_field("a", *far), mean_field("b", *near)], 0, 4)
    assert (told.table, told.sentence.partition(" LR pixels (")[0]) == (
        "erf",
        "On 8 images of s, a has the widest effective receptive field (gradient): 99% of it lies within 30.0",
    )
    assert "; b has the narrowest, 7.0 LR pixels (6." in told.sentence
    (told,) = erf_findings([mean_field("a", *far[:4]), mean_field("b", *near[:4])], 0, 4)
    assert told.sentence.startswith("On 4 images of s, no network is shown to have a wider effective receptive field")
    assert told.sentence.endswith(" for a; to tell two networks apart takes 6 images.")
    assert erf_findings([mean_field("a", *far)], 0, 4) == []
    assert erf_findings([mean_field("a", 30), mean_field("b", 7)], 0, 4) == [], "one image has no interval"


def fields(count: int) -> list[FieldPicture]:
    found = []
    for number in range(count):
        field = np.random.default_rng(number).random((21, 21)) ** 4
        field[10, 10] = 40
        found.append(FieldPicture(f"a-network-of-a-long-name-{number}", field, squares_holding(field)))
    return found


@pytest.mark.parametrize("count", [1, 3, 9])
def test_the_figure_names_every_network_and_its_radii(count: int) -> None:
    figure = field_figure(fields(count), "Set: gradient of the centre SR pixel, mean over 3 images", 4)
    texts = [text.get_text().replace("\n", " ") for text in figure.texts]
    assert all("within" not in text or "LR pixel" in text for text in texts)
    assert sum("50%" in text for text in texts) == count
    assert "a panel spans 21 × 21 LR pixels" in texts[0]
    assert sum(text.startswith("a-net") for text in texts) == count
    width = figure.get_size_inches()[0] * 2.54
    assert width == pytest.approx({1: width, 3: 8.5, 9: 17.5}[count], abs=0.01)
    assert width <= 17.51


def test_a_folder_at_scale_1_is_what_networks_take_unless_it_is_spoiled(
    l2xbench: Command, tmp_path: Path, photographs: Path
) -> None:
    (tmp_path / "stack.py").write_text(STACK.format(scale=1, depth=1))
    arguments = [photographs, "--models", f"{tmp_path}/stack.py:Stack", "--trust", "--scale", 1, "--size", 16]
    for given, note in (([], "input only"), (["--degrade", "noise=25"], "input made by noise 25")):
        done = l2xbench("erf", *arguments, *given, "--out", tmp_path / f"out{len(given)}")
        assert done.returncode == 0, done.stdout + done.stderr
        assert note in " ".join(done.stdout.split())


def test_it_is_a_block_of_a_study(l2xbench: Command, tmp_path: Path, write_study: Callable[..., Path]) -> None:
    study = write_study(attribution=None, heatmaps=None, erf={"of": "gradient", "size": 8})
    done = l2xbench("run", study, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stdout + done.stderr
    table = pd.read_csv(tmp_path / "out/tables/erf.csv")
    assert set(table["of"]) == {"gradient"}
    assert set(table["model"]) == {"tiny"}, "nothing is said of interpolation"
    assert "0 units computed" in l2xbench("run", study, "--out", tmp_path / "out").stdout

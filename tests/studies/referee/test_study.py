"""The referee from its YAML or its command to tables and figure, on networks whose effects are known."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

from l2xbench import explain, load_model
from l2xbench.attribution.methods.intervention import InterventionPlan, measure_effects
from l2xbench.data.images import to_tensor
from l2xbench.data.pairs import ImagePair
from l2xbench.errors import RequestError
from l2xbench.run.results import read_runs
from l2xbench.store.store import Store
from l2xbench.studies.reading import parse_study
from l2xbench.studies.referee import STUDY
from l2xbench.studies.referee.agreement import agreement, block_sums
from l2xbench.studies.referee.compute import find_window
from l2xbench.studies.referee.figure import Point, agreement_figure
from l2xbench.studies.referee.findings import referee_findings
from l2xbench.studies.referee.patches import whole_patches
from l2xbench.studies.referee.units import PARTS
from tests.conftest import Command

NET = """
import torch
class Net(torch.nn.Module):
    scale = {scale}
    def __init__(self):
        super().__init__()
        self.body = torch.nn.Conv2d(3, 3, 3, padding=1)
        for number, parameter in enumerate(self.parameters()):
            torch.nn.init.uniform_(parameter, -0.1, 0.1, torch.Generator().manual_seed(number))
    def forward(self, x):
        x = x + torch.relu(self.body(x))
        return x.repeat_interleave(self.scale, 2).repeat_interleave(self.scale, 3)
"""
FEW = {"size": 8, "block": 4, "coarse": 2, "fine": 3}


@pytest.fixture
def net(tmp_path: Path) -> Path:
    """A network of the user's own, x2."""
    path = tmp_path / "net.py"
    path.write_text(NET.format(scale=2))
    return path


@pytest.fixture
def study(tmp_path: Path, net: Path, photographs: Path) -> Callable[..., Path]:
    """A study of it on the small images; keywords are the block's."""

    def write(**referee: object) -> Path:
        data = {
            "study": "judged",
            "device": "cpu",
            "scale": 2,
            "trust": True,
            "models": {"net": {"provider": "module", "module": f"{net}:Net", "scale": 2}},
            "datasets": {"photographs": {"path": str(photographs), "crop": 12}},
            "attribution": None,
            "heatmaps": None,
            "referee": {**FEW, "methods": ["l2x", "random"], **referee},
        }
        path = tmp_path / "judged.yaml"
        path.write_text(yaml.safe_dump(data))
        return path

    return write


def test_the_study_gives_what_measuring_and_explaining_give(
    l2xbench: Command, tmp_path: Path, study: Callable[..., Path], net: Path, photographs: Path
) -> None:
    out = tmp_path / "out"
    done = l2xbench("run", study(), "--out", out)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "every network runs on 18 images, and on 3 more for each of the 9 blocks that acts" in done.stdout
    pairs = [ImagePair(f"photo{n}", photographs / f"photo{n}.png", None).load(2, 12) for n in range(3)]
    network = load_model(f"{net}:Net", trust=True, scale=2)
    pair = pairs[1]
    assert pair.hr is not None
    x, y, size = window = find_window(pair.lr, pair.hr, 2, None, 8, "photo1")
    others = [to_tensor(other.lr) for other in sorted(pairs, key=lambda each: each.digest) if other is not pair]
    found = measure_effects(
        lambda images: [network(images).detach()],
        to_tensor(pair.lr),
        to_tensor(pair.hr),
        (y, x, size, size),
        others,
        InterventionPlan(block=4, coarse=2, fine=3),
    )
    table = pd.read_csv(out / "tables/referee_interventions.csv")
    assert len(table) == 3
    row = table[table["image"] == "photo1"].iloc[0]
    assert row["window"] == ",".join(map(str, window))
    counts = found.counts(0.01)
    assert row[["positive", "negative", "zero"]].tolist() == [counts["positive"], counts["negative"], counts["zero"]]
    assert row["passes"] == found.passes + PARTS - 1, "each part runs the image itself once more"
    assert row["psnr"] == pytest.approx(found.psnr, abs=1e-4)
    (results,) = read_runs(Store(out))
    (patch,) = [each for each in whole_patches(results) if each.name.image == "photo1"]
    np.testing.assert_allclose(patch.effects(results).effect, found.effect, atol=1e-4)
    values = explain(network, to_tensor(pair.lr), target=f"patch:{y},{x},{size},{size}").values[0].numpy()
    judged = agreement(block_sums(values, 4).ravel(), found.effect.ravel(), 0.01)
    patches = pd.read_csv(out / "tables/referee_patches.csv")
    mine = patches[(patches["image"] == "photo1") & (patches["method"] == "l2x")].iloc[0]
    assert mine["signed"] == pytest.approx(judged.signed, abs=1e-6)
    assert mine["signs"] == pytest.approx(judged.signs, abs=1e-6)
    means = pd.read_csv(out / "tables/referee.csv")
    assert means[["model", "method", "patches"]].values.tolist() == [["net", "l2x", 3], ["net", "random", 3]]
    assert means["signed"][0] == pytest.approx(patches[patches["method"] == "l2x"]["signed"].mean())
    assert (out / "figures/referee-photographs.pdf").read_bytes().startswith(b"%PDF")
    assert "agree most with interventions" in (out / "tables/findings.md").read_text()
    assert 'id="table-referee_interventions"' in (out / "report.html").read_text()
    assert "0 units computed" in l2xbench("run", study(), "--out", out).stdout


def test_another_image_in_the_dataset_makes_interventions_stale_and_maps_not(
    l2xbench: Command, tmp_path: Path, study: Callable[..., Path], photographs: Path
) -> None:
    out = tmp_path / "out"
    assert l2xbench("run", study(methods=["l2x"]), "--out", out).returncode == 0
    before = pd.read_csv(out / "tables/referee_interventions.csv")
    noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    Image.fromarray(noise).save(photographs / "photo3.png")
    done = l2xbench("run", study(methods=["l2x"]), "--out", out)
    assert done.returncode == 0, done.stdout + done.stderr
    # restoration of two networks, the map, and the image itself are new for one image; the interventions for all
    assert f"{4 + 4 * PARTS} units computed" in done.stdout
    after = pd.read_csv(out / "tables/referee_interventions.csv")
    assert len(after) == 4
    assert (after["window"][:3] == before["window"]).all()
    assert json.loads((out / "manifest.json").read_text())["datasets"]["photographs"]["images"].keys() == {
        f"photo{n}" for n in range(4)
    }
    report = l2xbench("report", out)
    assert report.returncode == 0, report.stderr
    pd.testing.assert_frame_equal(pd.read_csv(out / "tables/referee_interventions.csv"), after)


def test_the_command_at_scale_1_and_named_patches(l2xbench: Command, tmp_path: Path, photographs: Path) -> None:
    (tmp_path / "net.py").write_text(NET.format(scale=1))
    arguments = [photographs, "--models", f"{tmp_path}/net.py:Net", "--trust", "--scale", 1, "--degrade", "noise=25"]
    arguments += ["--crop", 12, "--size", 6, "--block", 6, "--coarse", 1, "--fine", 1, "--methods", "l2x"]
    done = l2xbench("referee", *arguments, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stdout + done.stderr
    table = pd.read_csv(tmp_path / "out/tables/referee_interventions.csv")
    assert (table[["positive", "negative", "zero"]].sum(axis=1) == 4).all()
    assert (table["positive"] > 0).all(), "the network hands the image on, so that the patch's own blocks help"


def test_named_patches_are_of_their_images_alone(l2xbench: Command, tmp_path: Path, study: Callable[..., Path]) -> None:
    cases = [{"image": "photo0", "window": "4,6,8"}, {"image": "photo2", "window": "4,6,8"}]
    done = l2xbench("run", study(cases=cases, methods=["random"]), "--out", tmp_path / "out")
    assert done.returncode == 0, done.stdout + done.stderr
    table = pd.read_csv(tmp_path / "out/tables/referee_interventions.csv")
    assert table[["image", "window"]].values.tolist() == [["photo0", "4,6,8"], ["photo2", "4,6,8"]]


@pytest.mark.parametrize(
    ("referee", "said"),
    [
        ({"methods": ["l3x"]}, r"referee\.methods: method 'l3x' does not exist"),
        ({"methods": ["intervention"]}, r"referee\.methods: 'intervention' is what maps are compared with"),
        ({"options": {"lam": {"steps": 3}}, "methods": ["l2x"]}, r"referee\.options: 'lam' is not in referee\.methods"),
        ({"options": {"lam": {"step": 3}}}, r"referee\.options\.lam: .*did you mean 'steps'"),
        ({"reference": "blurr"}, r"referee\.reference"),
        ({"cases": []}, r"referee\.cases: auto, or a patch at least"),
        ({"cases": [{"image": "x", "window": "0,0,8", "dataset": "two"}]}, r"referee\.cases: x: no dataset 'two'"),
    ],
)
def test_what_is_wrong_is_told_by_key(referee: dict[str, object], said: str) -> None:
    data = {"study": "s", "models": {"a": "edsr-compact"}, "datasets": {"one": "skimage"}, "referee": referee}
    with pytest.raises(RequestError, match=said):
        STUDY.check(parse_study(data))


def test_a_dataset_of_one_image_has_no_blocks_to_draw() -> None:
    data = {"study": "s", "models": {"a": "edsr-compact"}, "referee": {}}
    with pytest.raises(RequestError, match=r"datasets\.one\.images: .* give two at least"):
        STUDY.check(parse_study({**data, "datasets": {"one": {"path": "skimage", "images": 1}}}))


def test_the_patch_is_where_interpolation_is_farthest_from_hr() -> None:
    hr = np.full((32, 40, 3), 100, dtype=np.uint8)
    hr[12:20, 24:32] = np.random.default_rng(0).integers(0, 256, (8, 8, 3))
    lr = np.full((8, 10, 3), 100, dtype=np.uint8)
    assert find_window(lr, hr, 4, None, 8, "x") == (24, 12, 8)
    assert find_window(lr, hr, 4, [3, 5, 8], 8, "x") == (3, 5, 8)
    with pytest.raises(RequestError, match="not within the 40 x 32 SR pixels of x"):
        find_window(lr, hr, 4, [36, 5, 8], 8, "x")
    with pytest.raises(RequestError, match=r"fewer than referee\.size: 36"):
        find_window(lr, hr, 4, None, 36, "x")


def frame(rows: list[tuple[str, str, float, float, float]]) -> pd.DataFrame:
    names = ["model", "method", "signed", "signs", "chance"]
    outside = {"signed_outside": 0.05, "signs_outside": 0.5, "chance_outside": 0.49}
    return pd.DataFrame(rows, columns=names).assign(dataset="s", gradients=2.0, patches=8, **outside)


def test_findings_name_the_best_and_compare_signs_with_chance() -> None:
    rows = [("a", "l2x", 0.2, 0.6, 0.5), ("b", "l2x", 0.4, 0.7, 0.6), ("a", "lam", 0.5, 0.5, 0.5)]
    best, signs, outside = referee_findings(frame(rows), 4)
    assert best == (
        "On 8 patches of s and 2 networks, lam's maps agree most with interventions in their signed order: mean rank "
        "correlation 0.50 at 2 gradients a map; l2x 0.30."
    )
    assert "l2x's map has the sign of a block's effect in 65% of the blocks" in signs
    assert signs.endswith("would have it in 55%.")
    assert outside == (
        "Outside the patch's own LR pixels l2x's rank correlation is 0.05, and it has the right sign in 50% of the "
        "blocks that act, by chance in 49% (8 patches of s and 2 networks)."
    )
    assert len(referee_findings(frame(rows).assign(signed_outside=float("nan")), 4)) == 2
    assert referee_findings(frame([("a", "l2x", float("nan"), 0.5, 0.5)]), 4) == []


def test_the_figure_has_a_point_for_every_network_and_their_mean() -> None:
    points = [
        Point(method, model, cost * (1 + number / 10), agrees, agrees / 2, agrees - 0.1)
        for method, cost, agrees in (("l2x", 1.6, 0.4), ("lam", 52, 0.2), ("random", 0.001, 0.0))
        for number, model in enumerate("abc")
    ]
    figure = agreement_figure(points, "Set: maps against interventions on 8 patches", 1200)
    lower = figure.axes[-1]
    assert [axes.get_xscale() for axes in figure.axes] == ["log"] * 3
    for axes in figure.axes:
        assert len([line for line in axes.lines if line.get_linestyle() == "None"]) == 2 * 3
    assert figure.get_size_inches()[0] * 2.54 == pytest.approx(8.5, abs=0.01)
    assert "1,200" in lower.get_xlabel()


def test_the_method_is_one_of_a_study_and_ablation_starts_from_it(
    l2xbench: Command, tmp_path: Path, study: Callable[..., Path]
) -> None:
    path = study()
    data = yaml.safe_load(path.read_text())
    few = {"intervention": {"block": 4, "coarse": 1, "fine": 1}}
    maps = {"methods": ["l2x"], "target": "patch:4,6,8,8", "options": few}
    ablation = {"methods": ["intervention"], "ratios": [0.2], "random_orders": 1}
    path.write_text(yaml.safe_dump({**data, "referee": None, "attribution": maps, "ablation": ablation}))
    out = tmp_path / "out"
    done = l2xbench("ablate", path, "--out", out)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "intervention" in set(pd.read_csv(out / "tables/ablation.csv")["method"])
    maps["methods"] = ["intervention"]
    path.write_text(yaml.safe_dump({**data, "referee": None, "attribution": maps, "ablation": ablation}))
    done = l2xbench("run", path, "--out", out)
    assert done.returncode == 0, done.stdout + done.stderr
    with np.load(out / "attributions/photographs/net/photo0.intervention.npz") as arrays:
        assert np.isfinite(arrays["values"]).all()
        assert arrays["values"].any()


def test_one_image_alone_cannot_be_explained_by_interventions(l2xbench: Command, photographs: Path) -> None:
    done = l2xbench("explain", photographs / "photo0.png", "--method", "intervention")
    assert done.returncode == 2
    assert "--method: intervention draws from other images of a dataset" in done.stderr

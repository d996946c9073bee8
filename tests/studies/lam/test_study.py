"""LAM from its YAML or its command to tables and figures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from PIL import Image

from l2xbench import diffusion_index, explain, load_model, open_results
from l2xbench.data.degradations import degrade
from l2xbench.data.images import read_image, to_tensor
from l2xbench.errors import RequestError
from l2xbench.studies.lam.cases import find_preset, presets, window_numbers
from l2xbench.studies.lam.findings import lam_findings
from l2xbench.studies.reading import parse_study
from tests.conftest import Command
from tests.report.results import units_of

TINY = {"provider": "l2xbench", "arch": {"type": "CARN", "n_feats": 4, "n_blocks": 1}, "scale": 4}


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """The card of a tiny network, and a checkpoint of random weights."""
    card = tmp_path / "tiny.yaml"
    card.write_text(yaml.safe_dump(TINY))
    torch.save(load_model(card, weights="random").core.state_dict(), tmp_path / "tiny.pth")
    card.write_text(yaml.safe_dump({**TINY, "weights": {"file": "tiny.pth"}}))
    return card


def read(folder: Path, name: str = "lam") -> pd.DataFrame:
    return pd.read_csv(folder / f"tables/{name}.csv", dtype={"image": str})


def test_the_command_gives_the_methods_numbers_and_figure(
    lam_study: Callable[..., Path], l2xbench: Command, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    study = lam_study(lam={"cases": [{"image": "photo0", "window": "8, 4,16"}], "methods": ["lam", "l2x"], "steps": 3})
    done = l2xbench("run", study, "--out", out)
    assert done.returncode == 0, done.stdout + done.stderr
    table = read(out)
    assert table.columns[:7].tolist() == ["dataset", "image", "model", "method", "window", "di", "psnr"]
    assert table[["image", "method", "window", "variant"]].fillna("").values.tolist() == [
        ["photo0", "lam", "8,4,16", "published"],
        ["photo0", "l2x", "8,4,16", ""],
    ]
    assert (out / "figures/lam-photographs-photo0-8-4-16.png").stat().st_size > 5000
    assert (out / "figures/lam-photographs-photo0-8-4-16.pdf").read_bytes().startswith(b"%PDF")
    assert "Not known to be the published checkpoint" in (out / "tables/lam.md").read_text()
    assert "warning Not known to be the published checkpoint" in done.stdout
    again = l2xbench("run", study, "--out", out)
    assert "0 units computed" in again.stdout


@pytest.fixture
def lam_study(write_study: Callable[..., Path]) -> Callable[..., Path]:
    """A study of LAM alone."""
    return lambda **blocks: write_study(attribution=None, heatmaps=None, **blocks)


SPOT = """
import torch
class Net(torch.nn.Module):
    scale = 4
    def __init__(self, bright):
        super().__init__()
        self.bright = bright
        self.body = torch.nn.Conv2d(3, 3, 1)
        for number, parameter in enumerate(self.parameters()):
            torch.nn.init.uniform_(parameter, -0.3, 0.3, torch.Generator().manual_seed(number))
    def forward(self, x):
        x = torch.nn.functional.interpolate(self.body(x).sigmoid(), scale_factor=4, mode="bilinear")
        mask = torch.zeros_like(x)
        mask[:, :, 12:20, 24:32] = self.bright
        return x + mask
"""


def test_auto_finds_the_windows_in_which_networks_differ_most(
    l2xbench: Command, tmp_path: Path, lam_study: Callable[..., Path], photographs: Path
) -> None:
    (tmp_path / "spot.py").write_text(SPOT)
    card = {"provider": "module", "module": f"{tmp_path}/spot.py:Net", "scale": 4}
    study = lam_study(
        models={"dim": {**card, "arch": {"bright": 0.0}}, "lit": {**card, "arch": {"bright": 0.2}}},
        trust=True,
        lam={"cases": "auto", "size": 8, "most": 2, "steps": 2},
    )
    out = tmp_path / "out"
    planned = l2xbench("run", study, "--out", out, "--dry-run")
    assert "lam: in each dataset up to 2 windows are taken" in planned.stdout
    done = l2xbench("run", study, "--out", out)
    assert done.returncode == 0, done.stdout + done.stderr
    table = read(out)
    assert table["window"].tolist() == ["24,12,8"] * 4
    assert table["image"].nunique() == 2, "the two of three images in which they differ most"
    assert len(list((out / "figures").glob("lam-*.png"))) == 2
    again = l2xbench("run", study, "--out", out)
    assert again.returncode == 0 and "\n0 units computed" in again.stdout
    done = l2xbench("lam", photographs / "photo0.png", "--models", "edsr-compact", "--window", "auto", "--dry-run")
    assert done.returncode == 0 and "up to 4 windows" in done.stdout


def test_auto_finds_nothing_in_images_that_are_too_small(
    l2xbench: Command, tmp_path: Path, lam_study: Callable[..., Path]
) -> None:
    done = l2xbench("run", lam_study(lam={"cases": "auto", "size": 64}), "--out", tmp_path / "out")
    assert done.returncode == 2
    assert "lam.size: no SR image has 64 pixels a side; the largest that fits is 40" in done.stderr
    assert not (tmp_path / "out").exists()


def test_numbers_are_those_of_explain_on_lr_by_pillow(
    l2xbench: Command, tmp_path: Path, photographs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    hr = photographs / "photo1.png"
    done = l2xbench("lam", hr, "--models", "edsr-compact", "--window", "20,8,12", "--out", "out")
    assert done.returncode == 0, done.stdout + done.stderr
    (row,) = read(tmp_path / "out").to_dict("records")
    image = read_image(hr)[:40, :48]
    network = load_model("edsr-compact")
    lr = to_tensor(degrade(image, 4, "pillow"))
    found = explain(network, lr, method="lam", variant="published", target="patch:8,20,12,12").values[0]
    assert row["di"] == pytest.approx(diffusion_index(found), rel=1e-4)
    assert (row["image"], row["window"], row["variant"]) == ("photo1", "20,8,12", "published")
    sr = network(lr).detach().clamp(0, 1)[0, :, 8:20, 20:32].mul(255).round()
    error = sr.permute(1, 2, 0).numpy() - image[8:20, 20:32].astype(float)
    luma = error @ np.array([65.481, 128.553, 24.966]) / 255
    assert row["psnr"] == pytest.approx(10 * np.log10(255**2 / np.square(luma).mean()), abs=0.01)


def test_a_crop_is_a_whole_image_and_a_preset_has_its_window(
    l2xbench: Command, tmp_path: Path, tiny: Path, photographs: Path
) -> None:
    rows, columns = np.mgrid[0:300, 0:300]
    waves = np.stack([rows % 41, columns % 37, (rows + columns) % 53], axis=-1) * 4
    path = tmp_path / "set" / "img_019_SRF_4_HR.png"
    path.parent.mkdir()
    Image.fromarray(waves.astype(np.uint8)).save(path)
    out = tmp_path / "out"
    arguments = ["--models", tiny, "--crop", "10,20,256", "--preset", "Urban100/img_019"]
    done = l2xbench("lam", path, *arguments, "--out", out)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "papers took this window" not in done.stdout
    assert read(out)[["dataset", "image", "window"]].values.tolist() == [
        ["images", "img_019-crop-10-20-256", "119,115,24"]
    ]
    assert np.array_equal(read_image(out / "crops/img_019-crop-10-20-256.png"), waves[20:276, 10:266].astype(np.uint8))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "an HR image is needed, or --preset"),
        (["{hr}"], "--window X,Y,SIZE is needed"),
        (["{hr}", "--window", "8,8"], "--window '8,8' is no window: X,Y,SIZE is needed"),
        (["{hr}", "--window", "8,8,0"], "--window '8,8,0' is no window"),
        (["none.png", "--window", "8,8,8"], "none.png: no such file; an HR image is needed"),
        (["{hr}", "--preset", "urban100/img_19"], "--preset: no preset 'urban100/img_19'; did you mean"),
        (["{hr}", "--preset", "natural/4", "--window", "8,8,8"], "--window: --preset natural/4 has its own"),
        (["--preset", "natural/4"], "it is of a natural image of no known set; give the image's file"),
        (["{hr}", "--window", "8,8,8", "--lr", "cubic"], "--lr cubic: it is matlab or pillow"),
        (["{hr}", "--window", "8,8,8", "--crop", "40,0,32"], "--crop 40,0,32: left, top and side do not lie within"),
        (["{hr}", "--window", "8,8,8", "--methods", "l3x"], "l2xbench: --methods: method 'l3x'"),
        (["{hr}", "--window", "8,8,8", "--width", "colum"], "l2xbench: --width: found 'colum', allowed: auto, column"),
        (["{hr}", "--window", "-4,8,8"], "--window '-4,8,8' has a negative number: left and top count from the corner"),
        (["{hr}", "--window", "40,8,16"], "--window: 40,8,16 (left, top, side) is not within the 48 x 40 SR pixels of"),
        (["{hr}", "--window", "8,8,64"], "a side of at most 40 fits"),
        (["{hr}", "--window", "8,8,32", "--crop", "0,0,32"], "is not within the 32 x 32 SR pixels"),
        (["{hr}", "--window", "8,8,8", "--models", "{tiny}", "--weights", "no.pth"], "no.pth: no such checkpoint"),
        (["{hr}", "--window", "8,8,8", "--models", "edsr,rcan", "--weights", "no.pth"], "--weights no.pth: it is one"),
    ],
)
def test_a_wrong_request_is_one_line(
    l2xbench: Command, tmp_path: Path, photographs: Path, tiny: Path, arguments: list[str], expected: str
) -> None:
    given = [argument.format(hr=photographs / "photo0.png", tiny=tiny) for argument in arguments]
    models = [] if "--models" in given else ["--models", tiny]
    done = l2xbench("lam", *given, *models, "--out", tmp_path / "out")
    assert done.returncode == 2, done.stdout + done.stderr
    assert expected in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_each_window_has_a_folder_of_its_own(
    l2xbench: Command, tmp_path: Path, photographs: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    asked = ["lam", photographs / "photo0.png", "--models", f"mine={tiny}"]
    for window in ("8,4,16", "0,4,16"):
        done = l2xbench(*asked, "--window", window)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "images: 1 of 3 images, as asked for; LR made by Pillow's bicubic" in done.stdout
        assert f"LAM images photo0 {window}" in done.stdout
    folders = sorted(each.name for each in (tmp_path / "results/lam").iterdir())
    assert folders == ["photo0-window-0-4-16", "photo0-window-8-4-16"]
    for folder in folders:
        found = open_results(tmp_path / "results/lam" / folder)
        assert found.tables["lam"]["model"].tolist() == ["mine"]
        ((dataset, network, image),) = found.maps()
        assert (dataset, network, image) == ("images", "mine", f"photo0.{found.tables['lam']['window'][0]}-lam-images")
        values = found.map(dataset, network, image)["values"]
        assert diffusion_index(values) == pytest.approx(found.tables["lam"]["di"][0], rel=1e-6)
        page = found.page.read_text()
        assert "1 network · 1 image ·" in page and page.count('<figure class="drawn"><img alt="the figure lam-') == 1
        assert found.figure("lam").png.name == f"lam-images-photo0-{folder.rpartition('window-')[2]}.png"


def test_a_dry_run_leaves_nothing_not_even_a_crop(
    l2xbench: Command, tmp_path: Path, photographs: Path, tiny: Path
) -> None:
    out = tmp_path / "deep/out"
    asked = [
        "lam",
        photographs / "photo0.png",
        "--models",
        tiny,
        "--crop",
        "4,4,32",
        "--window",
        "8,4,16",
        "--out",
        out,
    ]
    done = l2xbench(*asked, "--dry-run")
    assert done.returncode == 0 and "results go to" in done.stdout, done.stderr
    assert not (tmp_path / "deep").exists()
    assert l2xbench(*asked).returncode == 0
    crop = out / "crops/photo0-crop-4-4-32.png"
    before = crop.read_bytes()
    assert l2xbench(*asked, "--dry-run").returncode == 0
    assert crop.read_bytes() == before, "what a run has left is left"


def test_a_preset_is_of_its_own_image(l2xbench: Command, tmp_path: Path, tiny: Path) -> None:
    image = Image.fromarray(np.random.default_rng(0).integers(0, 255, (160, 160, 3), dtype=np.uint8))
    told = {}
    for name in ("img_060", "IMG_19_x4", "photo", "019"):
        image.save(tmp_path / f"{name}.png")
        done = l2xbench("lam", tmp_path / f"{name}.png", "--models", tiny, "--preset", "urban100/img_019", "--dry-run")
        told[name] = done.returncode, " ".join((done.stderr + done.stdout).split())
    assert told["img_060"][0] == 2
    assert "img_060.png is another image of that set; give img_019, or --window 119,115,24" in told["img_060"][1]
    assert told["IMG_19_x4"][0] == 0 and "another image" not in told["IMG_19_x4"][1]
    for name in ("photo", "019"):
        assert told[name][0] == 0
        assert f"it is a window of img_019; by its name, {name}.png is another image" in told[name][1]
    image.save(tmp_path / "7.png")
    for preset, fits in (("natural/7", True), ("natural/4", False), ("manga109/AkkeraKanjinchou", False)):
        done = l2xbench("lam", tmp_path / "7.png", "--models", tiny, "--preset", preset, "--dry-run")
        assert ("is another image" not in " ".join(done.stdout.split())) == fits, preset


def test_a_network_that_failed_is_not_said_to_be_unpublished(
    l2xbench: Command, tmp_path: Path, photographs: Path, tiny: Path
) -> None:
    (tmp_path / "broken.pth").write_bytes(b"no checkpoint")
    models = f"{tiny},{tmp_path}/broken.pth"
    done = l2xbench(
        "lam", photographs / "photo0.png", "--models", models, "--window", "8,4,16", "--out", tmp_path / "out"
    )
    assert done.returncode == 1, done.stdout + done.stderr
    (told,) = [line for line in done.stdout.splitlines() if "Not known to be the published" in line]
    assert "tiny (tiny.pth)" in told and "broken" not in told


RESTORER = """
import torch
class Net(torch.nn.Module):
    scale = 1
    def __init__(self):
        super().__init__()
        self.body = torch.nn.Sequential(
            torch.nn.Conv2d(3, 6, 3, padding=1), torch.nn.ReLU(), torch.nn.Conv2d(6, 3, 3, padding=1)
        )
        for number, parameter in enumerate(self.parameters()):
            torch.nn.init.uniform_(parameter, -0.3, 0.3, torch.Generator().manual_seed(number))
    def forward(self, x):
        return x + self.body(x)
"""


def test_a_restoration_network_of_ones_own_has_its_lam_too(
    l2xbench: Command, tmp_path: Path, photographs: Path
) -> None:
    (tmp_path / "net.py").write_text(RESTORER)
    arguments = [photographs / "photo0.png", "--models", f"{tmp_path}/net.py:Net", "--trust", "--scale", 1]
    arguments += ["--window", "20,8,12", "--methods", "lam,l2x"]
    done = l2xbench("lam", *arguments, "--out", tmp_path / "given")
    assert done.returncode == 0, done.stdout + done.stderr
    given = read(tmp_path / "given")
    assert given["psnr"].isna().all(), "the image is what the network takes, and there is no HR"
    assert len(list((tmp_path / "given/figures").glob("lam-*.pdf"))) == 1
    done = l2xbench("lam", *arguments, "--degrade", "noise=25", "--out", tmp_path / "noisy")
    assert done.returncode == 0, done.stdout + done.stderr
    noisy = read(tmp_path / "noisy")
    assert noisy["psnr"].between(10, 40).all()
    assert (noisy["di"] != given["di"]).all()


def config(**lam: object) -> dict[str, object]:
    return {
        "study": "s",
        "models": {"a": "edsr-compact"},
        "datasets": {"one": "skimage", "two": "skimage"},
        "lam": lam,
    }


def test_a_case_is_owed_by_its_dataset_alone() -> None:
    cases = [
        {"image": "x", "window": "0,0,8", "dataset": "one"},
        {"image": "y", "window": "0,0,8", "dataset": "two"},
        {"image": "z", "window": "0,0,8", "dataset": "two"},
    ]
    study = parse_study(config(cases=cases))
    units = {name: [u for u in units_of(study, name, "y", "a") if u.study == "lam"] for name in ("one", "two")}
    assert [unit.options["images"] for unit in units["one"]] == [["x"]]
    assert [unit.options["images"] for unit in units["two"]] == [["y", "z"]]


def test_what_is_wrong_with_cases_is_told_by_key() -> None:
    from l2xbench.studies.lam import STUDY

    for cases, said in (
        ([], r"lam\.cases: name a window at least"),
        ([{"image": "x", "window": "0,0,8"}], r"lam\.cases: x 0,0,8: say which dataset: one, two"),
        ([{"image": "x", "window": "0,0,8", "dataset": "tow"}], r"no dataset 'tow' in the study; did you mean 'two'"),
    ):
        with pytest.raises(RequestError, match=said):
            STUDY.check(parse_study(config(cases=cases)))
    with pytest.raises(RequestError, match=r"lam\.cases.*no preset 'urban100/img_018'; did you mean"):
        parse_study(config(cases=["urban100/img_018"]))
    with pytest.raises(RequestError, match=r"lam\.cases\[0\]\.window: '8,8' is no window"):
        parse_study(config(cases=[{"image": "x", "window": "8,8"}]))
    with pytest.raises(RequestError, match=r"lam\.cases: found 'urban100/img_019', allowed: auto"):
        parse_study(config(cases="urban100/img_019"))


def test_presets_are_the_published_windows() -> None:
    assert {case.numbers[2] for name, case in presets().items() if not name.startswith("natural/")} == {24}
    assert {case.numbers[2] for name, case in presets().items() if name.startswith("natural/")} == {16}
    assert find_preset("Manga109/akkerakanjinchou").window == "157,86,24"
    assert window_numbers(" 1, 2 ,3") == (1, 2, 3)


def test_findings_count_pairs_in_which_more_pixels_restored_worse() -> None:
    columns = ["dataset", "image", "window", "model", "method", "di", "psnr"]
    rows = [("s", "a", "w", "one", "lam", 9.0, 30.0), ("s", "a", "w", "two", "lam", 5.0, 31.0)]
    more = [("s", "b", "w", "one", "lam", 9.0, 32.0), ("s", "b", "w", "two", "lam", 5.0, 31.0)]
    other = [("s", "b", "w", "one", "l2x", 1.0, 32.0)]
    (told,) = lam_findings(pd.DataFrame([*rows, *more, *other], columns=columns))
    assert told.startswith("Of 2 pairs of networks on 2 windows, the one with the larger LAM diffusion index restored")
    assert "worse in 1:" in told
    assert lam_findings(pd.DataFrame(rows, columns=columns)) == [], "a single pair is nothing to count"

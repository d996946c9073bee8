"""The training script: patches, schedule, and runs of a tiny network on generated images."""

from __future__ import annotations

import importlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from PIL import Image
from safetensors.torch import load_file

import l2xbench
from l2xbench.data import metrics
from l2xbench.data.bicubic import resize
from l2xbench.errors import RequestError
from l2xbench.zoo.archs.edsr import EDSR
from l2xbench.zoo.cards import make_card

SCRIPTS = Path(__file__).parents[2] / "scripts"
CARD = {
    "provider": "basicsr",
    "arch": {"type": "EDSR", "num_in_ch": 3, "num_out_ch": 3, "num_feat": 8, "num_block": 1, "upscale": 4},
    "scale": 4,
    "training": {"recipe": {"steps": 20, "batch": 2, "patch": 8, "holdout": 1, "lr": 0.002, "start": "interpolation"}},
}


@pytest.fixture(scope="module")
def script() -> Iterator[ModuleType]:
    """`scripts/train.py` as a module, importing its neighbours as it does when it is run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(SCRIPTS))
        yield importlib.import_module("train")


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Sums in a fixed order, and no contention."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four images of two shapes with edges at all angles, which an interpolation blurs."""
    folder = tmp_path_factory.mktemp("photographs")
    for i, (height, width) in enumerate([(66, 50), (50, 67), (66, 50), (50, 67)]):
        y, x = np.mgrid[:height, :width].astype(float)
        waves = [np.sin(0.9 * (np.cos(a) * x + np.sin(a) * y)) > 0 for a in (i, i + 0.7, i + 1.9)]
        Image.fromarray((np.stack(waves, axis=-1) * 255).astype(np.uint8)).save(folder / f"{i}.png")
    (folder / "notes.txt").write_text("not an image")
    return folder


@pytest.fixture
def card(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.yaml"
    path.write_text(yaml.safe_dump(CARD))
    return path


def run(script: ModuleType, card: Path, data: Path, out: Path, *options: str) -> int:
    common = ["--device", "cpu", "--log-every", "5", "--validate-every", "10"]
    code = script.main([str(card), "--data", str(data), "--out", str(out), *common, *options])
    assert isinstance(code, int)
    return code


def test_a_run_lowers_the_loss_and_leaves_weights_that_the_card_loads(
    script: ModuleType, card: Path, photographs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert run(script, card, photographs, out, "--steps", "40", "--ema", "0.9", "--seed", "1") == 0

    out = out / "tiny"
    log = pd.read_csv(out / "log.csv")
    assert list(log["step"]) == list(range(5, 41, 5))
    assert log["loss"].iloc[-4:].mean() < 0.9 * log["loss"].iloc[:4].mean()
    psnr = log["val_psnr"].dropna()
    assert len(psnr) == 4
    assert psnr.iloc[-1] > psnr.iloc[0]
    assert Image.open(out / "curve.png").size[0] > 100

    block = yaml.safe_load(capsys.readouterr().out)["training"]
    assert block["recipe"]["steps"] == 40
    assert block["validation"]["images"] == ["2.png"]
    assert block["validation"]["psnr_y"] == pytest.approx(psnr.iloc[-1], abs=1e-3)

    trained = l2xbench.load_model(card, weights=out / "tiny.safetensors")
    assert all(value.dtype == torch.float32 for value in load_file(out / "tiny.safetensors").values())
    images = importlib.import_module("training.images")
    quality = importlib.import_module("training.quality")
    held = images.read_pair(photographs / "2.png", 4)
    measured = quality.HeldOut([held], 4, torch.device("cpu")).psnr(trained)
    assert measured == pytest.approx(psnr.iloc[-1], abs=1e-4)
    with torch.no_grad():
        sr = (trained(held.lr.permute(2, 0, 1)[None] / 255)[0].clamp(0, 1) * 255).round().byte().permute(1, 2, 0)
    assert measured == pytest.approx(metrics.psnr(sr.numpy(), held.hr.numpy(), 4), abs=1e-4)
    # the block is a recipe that the script takes again
    card.write_text(yaml.safe_dump({**CARD, "training": block}))
    assert run(script, card, photographs, tmp_path / "again") == 0
    again = load_file(tmp_path / "again" / "tiny" / "tiny.safetensors")
    torch.testing.assert_close(again, load_file(out / "tiny.safetensors"), rtol=0, atol=0)


def test_a_run_stopped_by_ctrl_c_goes_on_bit_for_bit(
    script: ModuleType, card: Path, photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(script, card, photographs, tmp_path / "whole") == 0

    trainer = importlib.import_module("training.trainer").Trainer
    advance = trainer.advance

    def interrupted(self: Any) -> None:
        if self.step == 12:
            os.kill(os.getpid(), signal.SIGINT)
        advance(self)

    handler = signal.getsignal(signal.SIGINT)
    with monkeypatch.context() as patch:
        patch.setattr(trainer, "advance", interrupted)
        assert run(script, card, photographs, tmp_path / "parts") == 130
    assert signal.getsignal(signal.SIGINT) is handler
    assert not (tmp_path / "parts" / "tiny" / "tiny.safetensors").exists()
    torch.manual_seed(99)  # what the process did in between does not matter
    assert run(script, card, photographs, tmp_path / "parts") == 0
    assert_equal_runs(tmp_path / "whole" / "tiny", tmp_path / "parts" / "tiny", steps=20)


def assert_equal_runs(whole: Path, parts: Path, steps: int) -> None:
    """Two runs of one network, the second in parts, ended alike to the last bit."""
    states = [torch.load(folder / "checkpoint.pt", weights_only=True) for folder in (whole, parts)]
    assert states[0]["step"] == states[1]["step"] == steps
    torch.testing.assert_close(states[1]["tensors"], states[0]["tensors"], rtol=0, atol=0)
    logs = [pd.read_csv(folder / "log.csv").drop(columns="seconds") for folder in (whole, parts)]
    pd.testing.assert_frame_equal(*logs, check_exact=True)
    weights = [load_file(folder / f"{folder.name}.safetensors") for folder in (whole, parts)]
    torch.testing.assert_close(*weights, rtol=0, atol=0)


NETWORKS: dict[str, dict[str, Any]] = {
    "tiny-edsr": {},
    "tiny-han": {
        "provider": "l2xbench",
        "arch": {"type": "HAN", "n_feats": 8, "n_resgroups": 1, "n_resblocks": 1, "reduction": 2, "input_range": 1.0},
    },
    "tiny-san": {
        "provider": "l2xbench",
        "arch": {
            "type": "SAN",
            "n_feats": 8,
            "n_resgroups": 1,
            "n_resblocks": 1,
            "reduction": 2,
            "nonlocal_reduction": 2,
            "input_range": 1.0,
        },
    },
    "tiny-mdsr": {
        "provider": "l2xbench",
        "arch": {"type": "MDSR", "scales": [2, 4], "n_feats": 4, "n_resblocks": 1, "input_range": 1.0},
    },
    "tiny-swin2sr": {
        "provider": "spandrel",
        "arch": {
            "type": "Swin2SR",
            "upscale": 4,
            "in_chans": 3,
            "img_size": 8,
            "window_size": 8,
            "drop_path_rate": 0.0,
            "img_range": 1.0,
            "depths": [2],
            "embed_dim": 8,
            "num_heads": [2],
            "upsampler": "pixelshuffledirect",
            "mlp_ratio": 2,
        },
    },
}


# a network that draws by chance itself
NETWORKS_BY_CHANCE = {
    "tiny-drops": {
        **NETWORKS["tiny-swin2sr"],
        "arch": {**NETWORKS["tiny-swin2sr"]["arch"], "drop_path_rate": 0.5},
    },
}


def write_cards(folder: Path, names: list[str]) -> list[str]:
    """Cards of small networks with their own initial weights."""
    recipe = {**CARD["training"]["recipe"], "start": "own"}  # type: ignore[index]
    for name in names:
        network = {**NETWORKS, **NETWORKS_BY_CHANCE}[name]
        card = {**CARD, **network, "weights": {"file": f"weights/{name}.safetensors"}}
        (folder / f"{name}.yaml").write_text(yaml.safe_dump({**card, "training": {"recipe": recipe}}))
    return [str(folder / f"{name}.yaml") for name in names]


def train_all(script: ModuleType, cards: list[str], data: Path, out: Path, *options: str) -> int:
    common = ["--data", str(data), "--out", str(out), "--log-every", "5", "--validate-every", "10"]
    code = script.main([*cards, *common, *options])
    assert isinstance(code, int)
    return code


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def test_networks_trained_together_and_resumed_equal_those_trained_undisturbed_and_alone(
    script: ModuleType, photographs: Path, tmp_path: Path, device: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("needs a GPU")
    names = ["tiny-edsr", "tiny-mdsr", "tiny-drops"] if device == "cpu" else list(NETWORKS)
    cards = write_cards(tmp_path, names)
    options = ("--device", device, "--precision", "float32" if device == "cpu" else "bfloat16")
    whole, parts, alone = (tmp_path / name for name in ("whole", "parts", "alone"))
    assert train_all(script, cards, photographs, whole, *options, "--install") == 0
    for _ in range(100):  # each part makes at least one step
        code = train_all(script, cards, photographs, parts, *options, "--minutes", "0.0005", "--steps", "20")
        if code == 0:
            break
        assert code == 130
    assert "going on from step" in capsys.readouterr().err
    assert train_all(script, cards[:1], photographs, alone, *options) == 0
    assert_equal_runs(whole / names[0], alone / names[0], steps=20)
    for name in names:
        assert_equal_runs(whole / name, parts / name, steps=20)
        log = pd.read_csv(whole / name / "log.csv")
        assert log["loss"].iloc[-1] < log["loss"].iloc[0] and not log["skipped"].any()
        l2xbench.load_model(tmp_path / f"{name}.yaml")  # installed

    assert train_all(script, cards, photographs, tmp_path / "elsewhere", "--only-install") == 2
    assert "a run of tiny-edsr that ended leaves it" in capsys.readouterr().err


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("name", NETWORKS)
def test_a_captured_step_is_the_step(script: ModuleType, photographs: Path, name: str, tmp_path: Path) -> None:
    trainers = []
    for prepared in (False, True):
        device = torch.device("cuda")
        card = script.find_card(write_cards(tmp_path, [name])[0])
        recipe = script.make_recipe(card.training["recipe"], {}, card.name)
        trainer = script.make_trainer(card, recipe, script.Images(photographs, device), device)
        if prepared:
            script.prepare([trainer])
        for _ in range(5):
            trainer.advance()
        trainers.append(trainer)
    rows = [trainer.log() for trainer in trainers]
    assert rows[0].loss == pytest.approx(rows[1].loss, rel=1e-3)
    weights, captured = (trainer.averaged.core.state_dict() for trainer in trainers)
    torch.testing.assert_close(weights, captured, rtol=0, atol=1e-4)


def test_a_time_limit_stops_a_run_and_alone_sets_its_schedule(
    script: ModuleType, card: Path, photographs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(script, card, photographs, tmp_path / "limited", "--steps", "100000", "--minutes", "0.005") == 130
    assert run(script, card, photographs, tmp_path / "clock", "--minutes", "0.005") == 0
    last = pd.read_csv(tmp_path / "clock" / "tiny" / "log.csv").iloc[-1]
    assert last["lr"] < 0.002
    assert run(script, card, photographs, tmp_path / "few", "--minutes", "0.005", "--least-steps", "100000") == 2
    assert yaml.safe_load(capsys.readouterr().out)["training"]["recipe"]["steps"] == last["step"]


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["--seed", "1"], "seed: was trained with 0, this run asks for 1"),
        (["--steps", "40"], "steps: was trained with 20"),
    ],
)
def test_another_recipe_does_not_continue_a_checkpoint(
    script: ModuleType,
    card: Path,
    photographs: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    line: str,
) -> None:
    assert run(script, card, photographs, tmp_path, "--minutes", "1e-9", "--steps", "20") == 130
    assert run(script, card, photographs, tmp_path, *options) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert line in error and "checkpoint.pt" in error
    assert run(script, card, photographs, tmp_path, *options, "--restart", "--minutes", "1e-9", "--steps", "9") == 130


def test_a_damaged_checkpoint_is_named(
    script: ModuleType, card: Path, photographs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny" / "checkpoint.pt").write_bytes(b"half a file")
    assert run(script, card, photographs, tmp_path) == 2
    assert "checkpoint.pt: is no checkpoint" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "recipe", "line"),
    [
        ([], {"stops": 3}, "training.recipe.stops: no such key; did you mean 'steps'?"),
        ([], {"lr": "fast"}, "training.recipe.lr: found 'fast', needed float"),
        ([], {"steps": None}, "no length"),
        (["--batch", "0"], {}, "batch: found 0"),
        (["--holdout", "4"], {}, "holdout: 4 of 4 images"),
        (["--patch", "13"], {}, "13 LR pixels are more than"),
        (["--start", "bicubic"], {}, "start: found 'bicubic'"),
        (["--precision", "half"], {}, "precision: found 'half'"),
    ],
)
def test_a_wrong_request_is_one_line_and_exit_code_2(
    script: ModuleType,
    card: Path,
    photographs: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    recipe: dict[str, object],
    line: str,
) -> None:
    training = {"recipe": {**CARD["training"]["recipe"], **recipe}}  # type: ignore[index]
    card.write_text(yaml.safe_dump({**CARD, "training": training}))
    assert run(script, card, photographs, tmp_path / "out", *options) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1 and line in lines[0]


def test_unusable_data_is_named(
    script: ModuleType, card: Path, photographs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data"
    assert run(script, card, data, tmp_path / "out") == 2
    data.mkdir()
    assert run(script, card, data, tmp_path / "out") == 2
    for i in range(3):
        (data / f"{i}.png").write_bytes(b"no image")
    assert run(script, card, data, tmp_path / "out") == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert [part in line for part, line in zip(("no such folder", "no image", "0.png"), lines, strict=True)] == [
        True
    ] * 3


def test_every_patch_is_a_turned_crop_and_lr_lies_under_hr(script: ModuleType) -> None:
    images = importlib.import_module("training.images")
    draw = torch.Generator().manual_seed(0)

    def pair(height: int, width: int) -> Any:
        lr = torch.randint(256, (height, width, 3), generator=draw, dtype=torch.uint8)
        return images.Pair("noise", lr.repeat_interleave(2, 0).repeat_interleave(2, 1), lr)

    pairs = [pair(4, 9), pair(7, 4)]
    patches = images.Patches(pairs, scale=2, patch=4, device=torch.device("cpu"))
    lr, hr = patches.batch(600, torch.Generator().manual_seed(1))
    assert lr.shape == (600, 3, 4, 4) and hr.shape == (600, 3, 8, 8)
    torch.testing.assert_close(hr, lr.repeat_interleave(2, 2).repeat_interleave(2, 3), rtol=0, atol=0)

    crops = [
        p.lr[y : y + 4, x : x + 4] for p in pairs for y in range(p.lr.shape[0] - 3) for x in range(p.lr.shape[1] - 3)
    ]
    turned = {
        torch.rot90(mirrored, k).numpy().tobytes()
        for crop in crops
        for mirrored in (crop, crop.flip(0))
        for k in range(4)
    }
    seen = {(patch * 255).round().byte().permute(1, 2, 0).contiguous().numpy().tobytes() for patch in lr}
    assert seen == turned  # 10 crops x 8: each is possible, and nothing else


@pytest.mark.parametrize("name", ["tiny-edsr", "tiny-han", "tiny-san"])
def test_layers_suited_to_a_gpu_compute_the_same(script: ModuleType, name: str, tmp_path: Path) -> None:
    gpu = importlib.import_module("training.gpu")
    network = l2xbench.load_model(write_cards(tmp_path, [name])[0], weights="random")
    for key, value in network.core.named_parameters():
        if "gamma" in key:
            value.data.fill_(0.5)
    lr = torch.rand(2, 3, 10, 8)
    outputs, gradients = [], []
    for change in (lambda _: None, gpu.suit):
        change(network)
        outputs.append(network(lr))
        parameters = list(network.parameters())
        gradients.append(torch.autograd.grad(outputs[-1].square().sum(), parameters, allow_unused=True))
    torch.testing.assert_close(outputs[0], outputs[1], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(*([g for g in each if g is not None] for each in gradients), rtol=1e-4, atol=1e-4)
    assert (
        network.core.state_dict().keys()
        == l2xbench.load_model(write_cards(tmp_path, [name])[0], weights="random").core.state_dict().keys()
    )


def test_constants_of_the_host_are_moved_once(script: ModuleType) -> None:
    gpu = importlib.import_module("training.gpu")
    kept: list[torch.Tensor] = []
    there = torch.zeros(3, device="meta")
    moved = []
    for value in (1.0, 2.0):
        with gpu.HostConstants(kept):
            moved.append(torch.tensor(value).to(there.device))
            assert there.to(torch.float64).dtype == torch.float64  # what is there already is not kept
    assert moved[0] is moved[1] and len(kept) == 1


def test_lr_images_are_those_of_a_study(script: ModuleType, photographs: Path) -> None:
    images = importlib.import_module("training.images")
    pair = images.read_pair(photographs / "0.png", 4)
    assert pair.hr.shape == (64, 48, 3)
    assert np.array_equal(pair.lr.numpy(), resize(np.asarray(Image.open(photographs / "0.png"))[:64, :48], 0.25))


def test_held_out_images_are_spread_and_not_trained_on(script: ModuleType) -> None:
    images = importlib.import_module("training.images")
    files = [Path(f"{i:03}.png") for i in range(398)]
    training, validation = images.split(files, 10)
    assert len(validation) == 10 and sorted(training + validation) == files
    gaps = np.diff([files.index(path) for path in validation])
    assert gaps.min() >= 39 and gaps.max() <= 40


def test_the_rate_rises_falls_and_ends_low(script: ModuleType) -> None:
    recipe = importlib.import_module("training.recipe").Recipe(steps=1000, lr=1e-3, last_lr=1e-6, warm_up=0.1)
    rates = [recipe.learning_rate(step / 1000) for step in range(1001)]
    assert rates[100] == pytest.approx(1e-3) and rates[-1] == pytest.approx(1e-6)
    assert np.all(np.diff(rates[1:101]) > 0) and np.all(np.diff(rates[100:]) < 0)
    assert rates[550] == pytest.approx((1e-3 + 1e-6) / 2)


def tail_kinds() -> dict[str, dict[str, Any]]:
    """A small network of every kind of ending that the bundled cards have."""
    l2x = {"provider": "l2xbench"}
    swin = {"img_size": 16, "window_size": 8, "depths": [2], "embed_dim": 12, "num_heads": [2], "img_range": 1.0}
    swin["upsampler"] = "pixelshuffledirect"
    return {
        "convolution after the shuffles": {**CARD, "arch": {**CARD["arch"], "num_feat": 16}},  # type: ignore[dict-item]
        "rectified": {**l2x, "arch": {"type": "CARN", "scales": [], "n_feats": 12}},
        "behind a bottleneck": {**l2x, "arch": {"type": "MSRN", "n_feats": 12, "n_blocks": 1}, "input_range": 255},
        "shuffled to RGB": {"provider": "basicsr", "arch": {"type": "SwinIR", "upscale": 4, **swin}},
    }


@pytest.mark.parametrize("kind", tail_kinds())
def test_the_interpolation_start_is_near_bicubic(script: ModuleType, kind: str) -> None:
    starts = importlib.import_module("training.starts")
    card = make_card({"name": "net", "scale": 4, **tail_kinds()[kind]}, source="here", folder=Path())
    network = l2xbench.load_model(card, weights="random")
    lr = smooth_images()
    bicubic = torch.nn.functional.interpolate(lr, scale_factor=4, mode="bicubic")
    inner = (..., slice(16, -16), slice(16, -16))
    with torch.no_grad():
        before = (network(lr) - bicubic)[inner].abs().mean()
        starts.begin(network, "interpolation", lr)
        after = (network(lr) - bicubic)[inner].abs().mean()
    # the untrained features are seen faintly: close, not equal
    assert after < 0.03 and after < before / 5


@pytest.mark.parametrize("scale", [2, 3])
def test_the_interpolation_start_at_other_scales(script: ModuleType, scale: int) -> None:
    starts = importlib.import_module("training.starts")
    torch.manual_seed(0)
    network = EDSR(3, 3, num_feat=16, num_block=2, upscale=scale)
    lr = smooth_images()
    starts.begin(network, "interpolation", lr)
    bicubic = torch.nn.functional.interpolate(lr, scale_factor=scale, mode="bicubic")
    inner = (..., slice(3 * scale, -3 * scale), slice(3 * scale, -3 * scale))
    with torch.no_grad():
        assert (network(lr) - bicubic)[inner].abs().mean() < 0.03


def test_a_network_without_pixel_shuffles_is_refused_the_interpolation_start(script: ModuleType) -> None:
    starts = importlib.import_module("training.starts")
    plain = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3, padding=1), torch.nn.ConvTranspose2d(4, 3, 2, stride=2))
    with pytest.raises(RequestError, match=r"ends in pixel shuffles \(Conv2d, ConvTranspose2d\); use own"):
        starts.begin(plain, "interpolation", smooth_images())


def smooth_images() -> torch.Tensor:
    """(4, 3, 24, 24) in [0, 1]."""
    y, x = torch.meshgrid(torch.arange(24) / 24, torch.arange(24) / 24, indexing="ij")
    images = [
        torch.stack([torch.sin(5 * x + k * y), torch.cos(4 * y - k * x), torch.sin(6 * x * y + k)]) for k in range(4)
    ]
    return torch.stack(images) * 0.3 + 0.5


def test_a_network_of_several_scales_is_trained_at_all_of_them(
    script: ModuleType, photographs: Path, tmp_path: Path
) -> None:
    arch = {"type": "MDSR", "scales": [2, 4], "n_feats": 4, "n_resblocks": 1}
    card = tmp_path / "mdsr.yaml"
    card.write_text(yaml.safe_dump({**CARD, "provider": "l2xbench", "arch": arch, "input_range": 255}))
    untrained = l2xbench.load_model(card, weights="random", seed=0)
    assert untrained.scales == (2, 4)
    assert run(script, card, photographs, tmp_path / "out", "--start", "own") == 0
    trained = load_file(tmp_path / "out" / "mdsr" / "mdsr.safetensors")
    before = untrained.core.state_dict()
    for head in ("pre_process.0.0.body.0.weight", "upsample.0.0.weight", "upsample.1.0.weight", "body.0.body.0.weight"):
        assert not torch.equal(trained[head], before[head]), head
    network = l2xbench.load_model(card, weights=tmp_path / "out" / "mdsr" / "mdsr.safetensors")
    assert network(torch.rand(1, 3, 6, 8)).shape == (1, 3, 24, 32)
    network.run_at(2)
    assert network(torch.rand(1, 3, 6, 8)).shape == (1, 3, 12, 16)


def test_installed_weights_come_with_their_story_and_what_the_gates_learned(
    script: ModuleType, photographs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arch = {"type": "HAN", "n_feats": 4, "n_resgroups": 1, "n_resblocks": 1, "reduction": 2}
    card = tmp_path / "han.yaml"
    text = yaml.safe_dump({**CARD, "provider": "l2xbench", "arch": arch, "input_range": 255})
    card.write_text(f"# a comment that stays\n{text}weights: {{file: weights/han.safetensors}}\n")
    assert run(script, card, photographs, tmp_path / "out", "--install", "--ema", "0.5") == 0
    assert card.read_text().startswith("# a comment that stays\n")
    block = yaml.safe_load(card.read_text())["training"]
    assert block["recipe"]["steps"] == 20 and block["validation"]["images"] == ["2.png"]
    assert set(block["gates"]) == {"la.gamma", "csa.gamma"} and min(block["gates"].values()) > 0
    installed = tmp_path / "weights" / "han.safetensors"
    assert installed.read_bytes() == (tmp_path / "out" / "han" / "han.safetensors").read_bytes()
    l2xbench.load_model(card)

    card.write_text(text)
    assert run(script, card, photographs, tmp_path / "out", "--install") == 2
    assert "weights.file: the card names no file" in capsys.readouterr().err

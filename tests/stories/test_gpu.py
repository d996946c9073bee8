"""A GPU gives the CPU's numbers, in full float32, and its memory back."""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from l2xbench.attribution import explain
from l2xbench.attribution.captured import captured_bytes, free_captured, uncaptured
from l2xbench.attribution.errors import NotFiniteError
from l2xbench.data.photographs import photographs as bundled
from l2xbench.run.jobs import Job, Position, Settings
from l2xbench.run.worker import Worker
from l2xbench.store.units import Unit
from l2xbench.zoo.cards import ModelCard
from l2xbench.zoo.load import load_model, locate
from l2xbench.zoo.network import Network
from tests.conftest import Command

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]

MAP = {"method": "l2x", "reference": "blur", "target": "image", "strict": False, "seed": 0}
SR = {"colour": "y", "border": 4}


def jobs(crop: int) -> list[Job]:
    _, pairs = bundled()
    loaded = pairs[0].load(4, crop)
    source = locate("edsr-compact")
    found = []
    for study, label, options in (("restoration", "", SR), ("attribution", "l2x", MAP)):
        unit = Unit(study, 1, "photographs", pairs[0].name, "edsr", label, options)
        found.append(Job(unit, study, Position(0, 0, 0, 0), source, source.identity(), pairs[0], loaded.digest, crop))
    return found


def outcomes(device: str, crop: int = 96) -> list:
    worker = Worker(Settings(4, device, False))
    done = [worker.run(job) for job in jobs(crop)]
    worker.close()
    assert [each.reason for each in done] == ["", ""]
    return [each.outcome.finished() for each in done]


def test_the_numbers_are_the_cpus() -> None:
    (sr, maps), (sr_here, maps_here) = outcomes("cpu"), outcomes("cuda")
    assert sr_here.values["psnr"] == pytest.approx(sr.values["psnr"], abs=0.01)
    one, other = (each.arrays["attribution"]["values"] for each in (maps, maps_here))
    assert np.linalg.norm(one - other) < 1e-3 * np.linalg.norm(one)
    assert maps_here.values["completeness_error"] < 1e-4


def test_no_tf32_and_no_memory_kept() -> None:
    before = torch.cuda.memory_allocated()
    outcomes("cuda")
    assert not torch.backends.cuda.matmul.allow_tf32
    assert not torch.backends.cudnn.allow_tf32
    assert torch.cuda.memory_allocated() <= before + 2**20
    assert torch.cuda.memory_reserved() <= before + 2**25


def test_too_little_memory_means_tiles() -> None:
    outcomes("cuda", 32)  # what CUDA itself takes
    total = torch.cuda.get_device_properties(0).total_memory
    whole = outcomes("cuda", 96)
    torch.cuda.set_per_process_memory_fraction(min(1.0, (torch.cuda.memory_allocated() + 60 * 2**20) / total))
    try:
        _, tiled = outcomes("cuda", 96)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert tiled.values.get("tile"), "60 MiB hold no map of 96 x 96 pixels"
    values = [each.arrays["attribution"]["values"] for each in (whole[1], tiled)]
    assert np.corrcoef(*(each.ravel() for each in values))[0, 1] > 0.99


def test_a_study(tmp_path: Path, l2xbench: Command, write_study: Callable[..., Path]) -> None:
    tables = []
    for device in ("cpu", "cuda"):
        study = write_study(models={"edsr": "edsr-compact"}, heatmaps=None, device=device)
        done = l2xbench("run", study, "--out", tmp_path / device)
        assert done.returncode == 0, done.stderr
        tables.append(pd.read_csv(tmp_path / device / "tables/restoration.csv")["psnr"])
    assert np.allclose(*tables, atol=0.01)


RGB = {"num_in_ch": 3, "num_out_ch": 3}
NETWORKS = {
    "edsr": {**RGB, "type": "EDSR", "num_feat": 16, "num_block": 2, "upscale": 4},
    "rcan": {**RGB, "type": "RCAN", "num_feat": 16, "num_group": 1, "num_block": 2, "squeeze_factor": 4, "upscale": 4},
    "carn": {"type": "CARN", "n_feats": 16, "n_blocks": 1},
}


def built(name: str) -> Network:
    if name == "swinir":
        return load_model("swinir-light", weights="random", device="cuda")
    card = ModelCard(name=name, provider="l2xbench", arch=NETWORKS[name])
    return load_model(card, weights="random", device="cuda")


@pytest.mark.parametrize("name", [*NETWORKS, "swinir"])
@pytest.mark.parametrize("target", ["image", "patch:40,40,16,16", "neuron:0,40,40"])
def test_recorded_maps_are_the_maps(name: str, target: str, caplog: pytest.LogCaptureFixture) -> None:
    """Also of a size that is not SwinIR's own, whose mask its authors' code makes on the host in each pass."""
    network = built(name)
    images = torch.rand(5, 3, 24, 20, generator=torch.Generator().manual_seed(0)).cuda()
    for number in range(5):
        found = explain(network, images[number : number + 1], target=target)
        with uncaptured():
            expected = explain(network, images[number : number + 1], target=target)
        largest = float(expected.values.abs().max())
        torch.testing.assert_close(found.values, expected.values, rtol=0, atol=1e-6 * largest)
        torch.testing.assert_close(found.delta, expected.delta, rtol=1e-5, atol=0)
        assert [(o.name, o.count) for o in found.operations] == [(o.name, o.count) for o in expected.operations]
    assert not caplog.records, "every pass can be recorded"
    assert captured_bytes(images.device) > 0


def test_recorded_maps_see_new_weights_and_end_with_their_network() -> None:
    network, image = built("edsr"), torch.rand(1, 3, 16, 16).cuda()
    free_captured()
    for _ in range(3):
        explain(network, image)
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.mul_(1.1)
    found = explain(network, image)
    with uncaptured():
        expected = explain(network, image)
    torch.testing.assert_close(found.values, expected.values, rtol=0, atol=1e-6 * float(expected.values.abs().max()))
    assert captured_bytes(image.device) > 0
    del network, found, expected
    gc.collect()
    torch.cuda.empty_cache()
    assert captured_bytes(image.device) == 0


def test_a_recorded_map_of_nan_names_its_place() -> None:
    network, image = built("carn"), torch.rand(1, 3, 16, 16).cuda()
    for _ in range(3):
        explain(network, image)
    with torch.no_grad():
        next(network.core.parameters()).fill_(1e38)
    with pytest.raises(NotFiniteError):
        explain(network, image)


def test_what_cannot_be_recorded_is_explained_all_the_same(caplog: pytest.LogCaptureFixture) -> None:
    class Routed(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = torch.nn.Conv2d(3, 3, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.conv(x) * (2.0 if float(x.mean()) > 0.4 else 1.0) + torch.relu(x[..., 1:-1, 1:-1])

    network = Routed().cuda()
    for number in range(4):
        image = torch.rand(1, 3, 12, 12, generator=torch.Generator().manual_seed(number)).cuda()
        assert float(explain(network, image).completeness_error) < 1e-4
    assert len(caplog.records) == 1
    assert explain(built("edsr"), image).values.isfinite().all(), "the device is as before"

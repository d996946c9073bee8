"""The authors' EDSR baseline, whose only nonlinearity is ReLU: the golden attributions, through BasicSR's EDSR."""

from __future__ import annotations

import json
import zlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from l2xbench.attribution.paired import paired_forward
from l2xbench.compat import import_basicsr


def weight(key: str, shape: list[int]) -> Tensor:
    """The value that the golden files' README gives a key of two or more dimensions, or a bias."""
    z = np.random.default_rng(zlib.crc32(key.encode())).standard_normal(shape)
    return torch.from_numpy(0.5 * z / np.sqrt(np.prod(shape[1:])) if len(shape) >= 2 else 0.05 * z)


def official_names(blocks: int) -> dict[str, str]:
    """BasicSR's key -> the authors'."""
    names = {"conv_first": "head.0", "conv_after_body": f"body.{blocks}", "conv_last": "tail.1"}
    names |= {f"body.{i}.conv{j + 1}": f"body.{i}.body.{2 * j}" for i in range(blocks) for j in range(2)}
    return names | {"upsample.0": "tail.0.0", "upsample.2": "tail.0.2"}


def edsr_baseline(shared: Path) -> nn.Module:
    import_basicsr()
    from basicsr.archs.edsr_arch import EDSR

    spec = json.loads((shared / "golden/edsr_baseline.json").read_text())
    model = EDSR(
        3, 3, num_feat=64, num_block=16, upscale=4, img_range=255.0, rgb_mean=(0.4488, 0.4371, 0.4040)
    ).double()
    state = {}
    for ours, theirs in official_names(16).items():
        for kind in ("weight", "bias"):
            key = f"{theirs}.{kind}"
            state[f"{ours}.{kind}"] = weight(key, spec["weights"][key])
    model.load_state_dict(state)
    # the authors shift by a float32 product, 255 mean
    model.mean = (255 * torch.tensor((0.4488, 0.4371, 0.4040))).double().view(1, 3, 1, 1) / 255
    return model.eval()


def test_edsr_baseline(shared: Path) -> None:
    model = edsr_baseline(shared)
    golden = np.load(shared / "golden/edsr_baseline_l2x.npz")
    x, x_ref = (torch.from_numpy(golden[k]).double() for k in ("input", "reference"))
    with paired_forward(model, x, x_ref) as out:
        np.testing.assert_allclose(out.value.detach().numpy(), golden["output"], rtol=0, atol=1e-9)
        np.testing.assert_allclose(out.reference.numpy(), golden["output_reference"], rtol=0, atol=1e-9)
        change = out.value.detach() - out.reference
        (m,) = torch.autograd.grad(out.value, out.inputs, change.sign(), retain_graph=True)
        np.testing.assert_allclose((m * (x - x_ref)).numpy(), golden["attribution_image"], rtol=0, atol=1e-8)
        c, row, column = golden["neuron"]
        (m,) = torch.autograd.grad(out.value[0, c, row, column], out.inputs)
        np.testing.assert_allclose((m * (x - x_ref)).numpy(), golden["attribution_neuron"], rtol=0, atol=1e-8)

"""Functional calls with every argument by keyword, in the float64 that single outputs are computed in."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from l2xbench.attribution import explain


def w(*shape: int) -> Tensor:
    """Float32 weights, as a network has them."""
    return torch.linspace(-1, 1, int(torch.tensor(shape).prod())).view(shape)


CALLS: dict[str, Callable[[Tensor], Tensor]] = {
    "conv1d": lambda x: F.conv1d(input=x.flatten(2), weight=w(4, 4, 3), bias=w(4), padding=1),
    "conv2d": lambda x: F.conv2d(input=x, weight=w(4, 4, 3, 3), bias=w(4), padding=1),
    "conv3d": lambda x: F.conv3d(input=x[:, None], weight=w(1, 1, 3, 3, 3), padding=1),
    "conv_transpose2d": lambda x: F.conv_transpose2d(input=x, weight=w(4, 4, 3, 3), bias=w(4), padding=1),
    "linear": lambda x: F.linear(input=x, weight=w(8, 8), bias=w(8)),
    "bilinear": lambda x: F.bilinear(input1=x, input2=x.flip(1), weight=w(8, 8, 8)),
    "layer_norm": lambda x: F.layer_norm(input=x, normalized_shape=(8,), weight=w(8), bias=w(8)),
    "group_norm": lambda x: F.group_norm(input=x, num_groups=2, weight=w(4), bias=w(4)),
    "instance_norm": lambda x: F.instance_norm(input=x, weight=w(4), bias=w(4)),
    "batch_norm": lambda x: F.batch_norm(input=x, running_mean=w(4), running_var=w(4).abs() + 1, weight=w(4)),
    "rms_norm": lambda x: F.rms_norm(input=x, normalized_shape=(8,), weight=w(8)),
    "normalize": lambda x: F.normalize(input=x, p=2, dim=1),
    "local_response_norm": lambda x: F.local_response_norm(input=x, size=3),
    "interpolate": lambda x: F.interpolate(input=x, scale_factor=2, mode="bicubic", align_corners=True),
    "interpolate with antialiasing": lambda x: F.interpolate(input=x, size=(4, 4), mode="bilinear", antialias=True),
    "pixel_shuffle": lambda x: F.pixel_shuffle(input=x, upscale_factor=2),
    "softmax": lambda x: F.softmax(input=x, dim=1),
    "log_softmax": lambda x: F.log_softmax(input=x, dim=1),
    "attention": lambda x: F.scaled_dot_product_attention(query=x, key=x.flip(1), value=x, attn_mask=w(8, 8)),
    "causal attention": lambda x: F.scaled_dot_product_attention(query=x, key=x, value=x, is_causal=True, scale=0.3),
    "grid_sample": lambda x: F.grid_sample(
        input=x, grid=F.affine_grid(theta=w(1, 2, 3), size=(1, 4, 8, 8), align_corners=False), align_corners=False
    ),
    "unfold": lambda x: F.fold(
        input=F.unfold(input=x, kernel_size=3, padding=1), output_size=(8, 8), kernel_size=3, padding=1
    ),
    "avg_pool2d": lambda x: F.avg_pool2d(input=x, kernel_size=3, stride=1, count_include_pad=False),
    "max_pool2d": lambda x: F.max_pool2d(input=x, kernel_size=3, stride=1, padding=1),
    "adaptive_avg_pool2d": lambda x: F.adaptive_avg_pool2d(input=x, output_size=3) * w(3, 3),
    "gelu": lambda x: F.gelu(input=x, approximate="tanh"),
    "glu": lambda x: F.glu(input=x, dim=1),
    "leaky_relu in place": lambda x: F.leaky_relu(input=x * w(4, 1, 1), negative_slope=0.2, inplace=True),
    "prelu": lambda x: F.prelu(input=x, weight=w(4)),
    "hardtanh": lambda x: F.hardtanh(input=x, min_val=-0.3, max_val=0.2),
    "pad": lambda x: F.pad(input=x, pad=(1, 1, 1, 1), mode="reflect") * w(10, 10),
    "cosine_similarity": lambda x: F.cosine_similarity(x1=x, x2=x.flip(1) + w(4, 1, 1), dim=1),
    "einsum": lambda x: torch.einsum("nchw,oc->nohw", x, w(4, 4)),
    "tensordot": lambda x: torch.tensordot(a=w(4, 4), b=x, dims=([1], [1])),
    "matmul": lambda x: torch.matmul(input=x, other=w(8, 8)),
    "baddbmm": lambda x: torch.baddbmm(input=x[0], batch1=w(4, 8, 8), batch2=x[0], beta=0.5, alpha=2),
    "addcmul": lambda x: torch.addcmul(input=x, tensor1=x, tensor2=w(8, 8), value=2),
    "add": lambda x: torch.add(input=x, other=w(8, 8), alpha=2),
    "where": lambda x: torch.where(condition=x > 0, input=x, other=w(8, 8)),
    "cat": lambda x: torch.cat(tensors=[x, w(1, 4, 8, 8)], dim=1),
    "clamp": lambda x: torch.clamp(input=x, min=w(8), max=w(8) + 1),
    "topk": lambda x: torch.topk(input=x * w(8), k=3, dim=-1).values,
    "mse_loss": lambda x: x * F.mse_loss(input=x, target=w(1, 4, 8, 8)),
}


class Calls(nn.Module):
    """A convolution, one call, and all of its result in each of three outputs."""

    def __init__(self, call: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.head = nn.Conv2d(3, 4, 3, padding=1)
        self.call = call

    def forward(self, x: Tensor) -> Tensor:
        found = self.call(self.head(x)).flatten()
        return torch.stack([found.mean(), found.square().mean(), found[::3].sum()]).view(1, 3, 1, 1)


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.filterwarnings("error::UserWarning:l2xbench")
def test_single_outputs_are_exact(name: str) -> None:
    lr = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    network = Calls(CALLS[name])
    found = explain(network, lr, reference="black", target="neuron:1,0,0", verify=True)
    assert float(found.completeness_error) < 1e-6
    with torch.no_grad():
        own = (network(lr) - network(lr * 0))[0, 1, 0, 0]
    torch.testing.assert_close(found.delta[0], own, rtol=1e-3, atol=1e-6)

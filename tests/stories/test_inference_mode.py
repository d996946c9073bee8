"""A network that has run in inference mode, and kept what it computed there, is explained all the same."""

from __future__ import annotations

import torch

import l2xbench


def test_tensors_kept_from_inference_mode_do_no_harm() -> None:
    network = l2xbench.load_model("edsr-compact")  # BasicSR's EDSR keeps its mean: self.mean = self.mean.type_as(x)
    lr = torch.rand(1, 3, 12, 12)
    with torch.inference_mode():
        network(lr)
        before = network(lr).clone()
    assert network.core.mean.is_inference()
    assert l2xbench.explain(network, lr).completeness_error.max() < 1e-5
    assert torch.equal(network(lr), before)

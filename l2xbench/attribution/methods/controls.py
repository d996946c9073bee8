"""Maps that know nothing of the network: what a faithful method has to beat."""

from __future__ import annotations

import torch
from torch import Tensor

from l2xbench.attribution.methods.registry import Problem, method


@method("difference", runs_network=False)
def difference(problem: Problem) -> Tensor:
    """|x - x'|: how much the image differs from its reference; no network is run."""
    return (problem.inputs - problem.reference).abs()


@method("random", runs_network=False)
def random(problem: Problem) -> Tensor:
    """Normal noise from `seed=`; no network is run."""
    # Drawn on the CPU, so that one seed gives one map on every device.
    generator = torch.Generator().manual_seed(problem.seed)
    noise = torch.randn(problem.whole.shape, generator=generator, dtype=torch.float64)
    return problem.crop(noise.to(problem.inputs))

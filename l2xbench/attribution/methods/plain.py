"""Run a network plainly, as the peers do: in evaluation mode, its parameters frozen, and left as it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from l2xbench.attribution.engine.paired import choose
from l2xbench.attribution.engine.state import evaluating, preserved
from l2xbench.attribution.errors import ShapeError


@contextmanager
def quiet(network: nn.Module) -> Iterator[None]:
    """In evaluation mode and without gradients of parameters; afterwards attributes, buffers and flags are as before.

    Captum leaves tensors of its own on modules when it fails: they go too.
    """
    with preserved(network), evaluating(network):
        frozen = [parameter for parameter in network.parameters() if parameter.requires_grad]
        for parameter in frozen:
            parameter.requires_grad_(False)
        try:
            yield
        finally:
            for parameter in frozen:
                parameter.requires_grad_(True)


def run(network: nn.Module, inputs: Tensor, output: int | str | None) -> Tensor:
    """The network's output of this index or key."""
    result = choose(network(inputs.clone()), output)  # which may write to what it is given
    if not isinstance(result, Tensor):
        raise ShapeError(f"the network returned {type(result).__name__}, not a tensor; name one with output=")
    return result


def outputs(network: nn.Module, inputs: Tensor, reference: Tensor, output: int | str | None) -> tuple[Tensor, Tensor]:
    """The network's outputs for a batch and for its reference, with no gradient."""
    with torch.no_grad():
        return run(network, inputs, output), run(network, reference, output)

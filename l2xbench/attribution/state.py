"""Run a network that is not ours and leave it as it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from .errors import AttributionError


@contextmanager
def quiet(network: nn.Module) -> Iterator[None]:
    """In evaluation mode and without gradients of parameters; afterwards every attribute, buffer and flag is as before.

    Networks keep tensors of a forward pass on themselves, and Captum leaves its own there when it fails: both are
    undone. Values that a network writes into its buffers in place are not (evaluation mode keeps BatchNorm from it).
    """
    before = [(module, _attributes(module)) for module in network.modules()]
    frozen = [parameter for parameter in network.parameters() if parameter.requires_grad]
    try:
        for module, _ in before:
            module.training = False
        for parameter in frozen:
            parameter.requires_grad_(False)
        yield
    finally:
        for module, attributes in before:
            _restore(module, attributes)
        for parameter in frozen:
            parameter.requires_grad_(True)


def _attributes(module: nn.Module) -> dict[str, object]:
    return {key: value.copy() if isinstance(value, dict) else value for key, value in vars(module).items()}


def _restore(module: nn.Module, attributes: dict[str, object]) -> None:
    now = vars(module)
    for key in [key for key in now if key not in attributes]:
        del now[key]
    for key, value in attributes.items():
        current = now.get(key)
        if isinstance(value, dict) and isinstance(current, dict):
            current.clear()  # in place: hook handles hold a weak reference to the dictionary itself
            current.update(value)
        else:
            now[key] = value


@contextmanager
def out_of_place(network: nn.Module) -> Iterator[None]:
    """Activations that work in place work out of place: hooks on modules, Captum's way, cannot follow the former."""
    changed = [module for module in network.modules() if getattr(module, "inplace", None) is True]
    for module in changed:
        module.inplace = False  # type: ignore[assignment]
    try:
        yield
    finally:
        for module in changed:
            module.inplace = True  # type: ignore[assignment]


def select_output(result: object, output: int | str | None) -> Tensor:
    """The tensor to explain among a network's outputs: the only one, or the one at the index or key `output`."""
    if isinstance(result, Tensor) and output is None:
        return result
    if isinstance(result, dict):
        names: list[object] = list(result)
        chosen = result.get(output)
    elif isinstance(result, list | tuple):
        names = list(range(len(result)))
        inside = isinstance(output, int) and -len(result) <= output < len(result)
        chosen = result[output] if inside else None  # type: ignore[index]
        chosen = result[0] if output is None and len(result) == 1 else chosen
    else:
        raise AttributionError(f"output={output!r}: the network returns a {type(result).__name__}; leave output out")
    if not isinstance(chosen, Tensor):
        raise AttributionError(
            f"output={output!r} names no tensor of the network's {type(result).__name__}; choose one of {names}"
        )
    return chosen


def plain_outputs(
    network: nn.Module, inputs: Tensor, reference: Tensor, output: int | str | None
) -> tuple[Tensor, Tensor]:
    """The network's outputs for a batch and for its reference, with no gradient."""
    with torch.no_grad():
        return select_output(network(inputs), output), select_output(network(reference), output)

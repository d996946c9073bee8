"""Whether the paired pass gives the network's own outputs: it is compared with a plain one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook
from torch.overrides import TorchFunctionMode

from l2xbench.attribution.engine.draws import draws_from_here
from l2xbench.attribution.engine.paired import choose, eagerly, forward
from l2xbench.attribution.engine.state import evaluating, parameters_and_buffers, preserved
from l2xbench.attribution.engine.tensor import Paired
from l2xbench.attribution.engine.trace import Options
from l2xbench.attribution.errors import UnsupportedOperationError
from l2xbench.attribution.precision import cast_to
from l2xbench.system.torch_parts import tree_leaves

TOLERANCE = {torch.float32: 1e-4, torch.float64: 1e-9}
"""The largest difference that is rounding, as a part of the largest output."""
OF_HALF = 3e-2
"""The same where the network itself casts to half precision, which the paired pass does not."""


class WithoutAutocast(TorchFunctionMode):
    """The network's calls outside its own autocast, as the paired pass makes them."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        for device in ("cpu", "cuda"):
            if torch.is_autocast_enabled(device):
                with torch.autocast(device, enabled=False):
                    return func(*args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))


def plainly(network: nn.Module, inputs: Tensor, output: int | str | None) -> Any:
    """The network's output as it gives it without us. The network is as before after it."""
    with (
        torch.inference_mode(False),
        torch.no_grad(),
        preserved(network),
        evaluating(network),
        eagerly(),
        WithoutAutocast(),
    ):
        return choose(network(inputs.clone()), output)


def require_plain_outputs(
    network: nn.Module, inputs: Tensor, references: Tensor, output: int | str | None = None
) -> None:
    """Compare the paired pass of `inputs` (N, C, H, W) and `references` with plain passes of each.

    They are made in the network's own precision. Where a network sorts or picks, rounding may be amplified: what
    differs in float32 is looked at again in float64. The random generators are left as they were.

    Examples:
        >>> require_plain_outputs(nn.Conv2d(3, 3, 3), torch.rand(1, 3, 8, 8), torch.zeros(1, 3, 8, 8))

    Raises:
        UnsupportedOperationError: an output is off by more than rounding; the message names the first submodule whose
            output is. And what `paired_forward` raises.
    """
    numbers = {t.dtype for t in parameters_and_buffers(network) if t.is_floating_point()}
    own = numbers.pop() if len(numbers) == 1 and numbers <= set(TOLERANCE) else inputs.dtype
    inputs, references = inputs.to(own), references.to(own)
    again = draws_from_here(inputs.device)
    found = different(network, inputs, references, output)
    again()
    if found is None:
        return
    with suppress(Exception), cast_to(network, torch.float64):  # a network may have something against it
        if inputs.dtype == torch.float32 and different(network, inputs.double(), references.double(), output) is None:
            return
    again()
    stream, off = found
    where = first_difference(network, inputs, references, output, stream)
    again()
    raise UnsupportedOperationError(
        f"the engine does not follow this network: its output for the {stream} is {off:.1e} (of the largest) off the "
        f"network's own, first in {where}"
    )


def different(
    network: nn.Module, inputs: Tensor, references: Tensor, output: int | str | None
) -> tuple[str, float] | None:
    """The stream whose output differs, and by how much; None where both are the network's own."""
    again = draws_from_here(inputs.device)
    _, value, reference, trace = forward(network, inputs, references, Options(output=output))
    tolerance = OF_HALF if trace.lowered else TOLERANCE.get(inputs.dtype, 1e-4)
    streams = [("image", inputs, value.detach())]
    if not trace.leaks:  # the reference takes the image's route, whose jump is told
        streams.append(("reference", references, reference))
    for stream, alone, followed in streams:
        again()
        plain = plainly(network, alone, output)
        off = distance(plain, followed)
        if off > tolerance:
            return stream, off
    return None


def distance(plain: Tensor, followed: Tensor) -> float:
    """The largest difference of two outputs as a part of the largest plain one; infinite where the shapes differ."""
    if plain.shape != followed.shape:
        return float("inf")
    if plain.numel() == 0:
        return 0.0
    return float((plain - followed).abs().max()) / max(float(plain.abs().max()), 1e-30)


@contextmanager
def noting(network: nn.Module, stream: str) -> Iterator[list[tuple[str, Tensor]]]:
    """The outputs of all submodules, in the order in which they end."""
    names = {id(module): name for name, module in network.named_modules()}
    found: list[tuple[str, Tensor]] = []

    def note(module: nn.Module, _: Any, result: Any) -> None:
        if id(module) not in names:
            return
        for leaf in tree_leaves(result):
            if isinstance(leaf, Paired):
                leaf = leaf.pair()[stream == "reference"]
            if isinstance(leaf, Tensor) and leaf.is_floating_point():
                found.append((names[id(module)] or type(module).__name__, leaf.detach().clone()))

    handle = register_module_forward_hook(note)
    try:
        yield found
    finally:
        handle.remove()


def first_difference(
    network: nn.Module, inputs: Tensor, references: Tensor, output: int | str | None, stream: str
) -> str:
    """The first submodule whose output differs between the paired and the plain pass."""
    again = draws_from_here(inputs.device)
    with noting(network, stream) as followed:
        forward(network, inputs, references, Options(output=output))
    again()
    with noting(network, stream) as own:
        plainly(network, references if stream == "reference" else inputs, output)
    for (name, mine), (other, plain) in zip(followed, own, strict=False):
        if name != other or distance(plain, mine.to(plain.dtype)) > TOLERANCE.get(inputs.dtype, 1e-4):
            return name
    return type(network).__name__

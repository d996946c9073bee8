"""The forward pass on an input and its reference at once, after which gradients are multipliers."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from l2xbench.attribution.dispatch import Paired, Session, as_written, raise_dtype, running
from l2xbench.attribution.errors import NotFiniteError, ReferenceLostError, ShapeError
from l2xbench.attribution.rules.registry import OperationRecord
from l2xbench.attribution.state import evaluating, numbers_of, preserved
from l2xbench.attribution.watch import Watch

__all__ = ["OperationRecord", "PairedOutput", "paired_forward"]


@dataclass
class PairedOutput:
    """What a paired forward gives.

    `inputs` is the leaf (N, C, H, W) to differentiate with respect to; `value` is F(x), whose gradients with
    respect to `inputs` are multipliers (Eqs. 3 to 6); `reference` is F(x'). `operations` lists what the
    network was made of.
    """

    inputs: Tensor
    value: Tensor
    reference: Tensor
    operations: list[OperationRecord] = field(default_factory=list)


@contextmanager
def paired_forward(
    model: nn.Module,
    inputs: Tensor,
    references: Tensor,
    *,
    strict: bool = False,
    output: int | str | None = None,
) -> Iterator[PairedOutput]:
    """Run `model` on `inputs` (N, C, H, W) and `references` of the same shape at once.

    Inside the context `torch.autograd.grad(objective(out.value), out.inputs)` is the multiplier m, and the
    attribution is m (x - x') (Eq. 2); on leaving it the model is exactly as before. The network runs in
    evaluation mode, in the precision of `inputs` (float32 or float64; half precision is computed in float32,
    with a warning).

    Args:
        strict: refuse operations that have no rule in closed form instead of integrating along the line
        between the streams. output: which output, of a network that returns a list, tuple (position) or dict (key).

    Raises:
        ShapeError: input and reference do not fit.
        ReferenceLostError: the network takes a tensor out of PyTorch, or returns one without reference.
        NotFiniteError: the network gives NaN or Inf; the message names the first submodule that does.
        UnsupportedOperationError: with `strict`, an operation without a rule.
    """
    x, x_ref = prepare(model, inputs, references)
    with ExitStack() as stack:
        stack.enter_context(preserved(model))
        stack.enter_context(evaluating(model))
        leaf, value, reference, state = forward(model, x, x_ref, strict, output, check_finite=False)
        if not (bool(torch.isfinite(value).all()) and bool(torch.isfinite(reference).all())):
            forward(model, x, x_ref, strict, output, check_finite=True)
            raise NotFiniteError("the network's output is NaN or Inf")
        if state.leaks:
            verify(model, x_ref, reference, output, state.leaks)
        yield PairedOutput(leaf, value, reference, list(state.records.values()))


def prepare(model: nn.Module, inputs: Tensor, references: Tensor) -> tuple[Tensor, Tensor]:
    """Check the two inputs and bring them to the precision of the computation."""
    if inputs.shape != references.shape:
        raise ShapeError(
            f"the reference's shape {tuple(references.shape)} is not the input's "
            f"{tuple(inputs.shape)}: they are compared pixel by pixel"
        )
    for name, tensor in (("input", inputs), ("reference", references)):
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise NotFiniteError(f"the {name} itself contains NaN or Inf")
    dtype = inputs.dtype if inputs.dtype in (torch.float32, torch.float64) else torch.float32
    halves = {torch.float16, torch.bfloat16}
    if inputs.dtype in halves or any(t.dtype in halves for t in numbers_of(model)):
        warnings.warn("a half-precision network or input: explained in float32", stacklevel=4)
    return inputs.detach().to(dtype), references.detach().to(device=inputs.device, dtype=dtype)


def forward(
    model: nn.Module, x: Tensor, x_ref: Tensor, strict: bool, output: int | str | None, check_finite: bool
) -> tuple[Tensor, Tensor, Tensor, Session]:
    """One paired pass: the leaf, the two outputs, and what was met."""
    lower = any(raise_dtype(t.dtype, x.dtype) != t.dtype for t in numbers_of(model))
    state = Session(model, x.dtype, strict=strict, check_finite=check_finite, raises=lower)
    with torch.inference_mode(False), torch.enable_grad():
        leaf = x.clone().requires_grad_()
        carried = leaf.view_as(leaf)
    with running(state), torch.no_grad(), torch.autocast(x.device.type, enabled=False):
        with Watch(state):
            result = model(Paired.of(carried, x_ref.clone()))
        result = choose(result, output)
        if not isinstance(result, Tensor):
            raise ReferenceLostError(
                f"the network returned {type(result).__name__}, not a tensor; name one with output="
            )
        paired = result if isinstance(result, Paired) else as_written(state, result)
        if paired is None:
            raise ReferenceLostError(
                "the network's output carries no reference: it was made by a step outside PyTorch, "
                "or does not depend on the input"
            )
        value, reference = paired.pair()
    if not value.requires_grad:
        with torch.enable_grad():
            value = value + torch.zeros_like(leaf).mul(leaf).sum() * 0
    return leaf, value, reference.detach(), state


def verify(model: nn.Module, x_ref: Tensor, reference: Tensor, output: int | str | None, leaks: list[str]) -> None:
    """A Python number read from the value stream steered both streams: see whether the reference stream is
    still F(x').
    """
    _, plain, _, _ = forward(model, x_ref, x_ref, False, output, check_finite=False)
    scale = float(plain.abs().max()) + float((plain - reference).abs().max())
    if plain.shape != reference.shape or float((plain - reference).abs().max()) > 1e-4 * scale:
        raise ReferenceLostError(
            f"{leaks[0]} takes a number out of a tensor that depends on the input, and the network's output "
            "depends on it; "
            "its reference cannot follow into a Python number: keep it a tensor"
        )


def choose(result: Any, output: int | str | None) -> Any:
    """One output of a network that returns several; without `output` a single tensor is taken as it is."""
    if isinstance(result, Tensor):
        return result
    if output is None:
        if isinstance(result, (list, tuple)) and len(result) == 1:
            return result[0]
        kinds = (
            list(result)
            if isinstance(result, Mapping)
            else f"{len(result)} items"
            if hasattr(result, "__len__")
            else ""
        )
        raise ShapeError(f"the network returns a {type(result).__name__} ({kinds}); choose one with output=")
    try:
        return result[output]
    except (KeyError, IndexError, TypeError) as error:
        known = list(result) if isinstance(result, Mapping) else f"positions 0 to {len(result) - 1}"
        raise ShapeError(f"the network's {type(result).__name__} has no output {output!r}; it has {known}") from error

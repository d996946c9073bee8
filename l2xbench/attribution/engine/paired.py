"""The forward pass on an input and its reference at once, after which gradients are multipliers."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from l2xbench.attribution.engine.dispatch import dispatch
from l2xbench.attribution.engine.draws import draws_from_here
from l2xbench.attribution.engine.failures import asserted, fails_alone, submodule_of
from l2xbench.attribution.engine.ragged import GhostError
from l2xbench.attribution.engine.state import evaluating, parameters_and_buffers, preserved
from l2xbench.attribution.engine.storage import as_written
from l2xbench.attribution.engine.tapping import name_parts, tapped
from l2xbench.attribution.engine.taps import Taps
from l2xbench.attribution.engine.tensor import Paired, handling
from l2xbench.attribution.engine.trace import Exposed, Options, Trace
from l2xbench.attribution.engine.watch import Watch
from l2xbench.attribution.errors import (
    AttributionError,
    FailedOperationError,
    NetworkAssertionError,
    NotFiniteError,
    ReferenceLostError,
    ShapeError,
    UnsupportedOperationError,
)
from l2xbench.attribution.finite import all_finite
from l2xbench.attribution.rules.call import OperationRecord
from l2xbench.attribution.rules.questions import costly, put_off
from l2xbench.errors import RequestError, reason_of
from l2xbench.system.memory import has_run_out as out_of_memory

HALF = (torch.float16, torch.bfloat16)

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
    jump: Tensor | None = None
    """F of the reference with the image's Python numbers minus that with its own; None where a network takes none out
    of its tensors, or the same ones."""
    routed: str = ""
    """The first of these numbers: operation and submodule."""
    taps: Taps | None = None
    """The tensors inside the network that were asked for."""
    doubt: Tensor | None = None
    """Whether all of this does not hold (a truth without axes): for `paired_forward(unasked=True)`, on the device."""
    warning: str = ""
    """What is to be told of the pass, for `paired_forward(unasked=True)`, which does not tell it."""


@contextmanager
def paired_forward(
    model: nn.Module,
    inputs: Tensor,
    references: Tensor,
    *,
    strict: bool = False,
    output: int | str | None = None,
    layers: Collection[nn.Module] = (),
    keep_values: bool = False,
    unasked: bool = False,
) -> Iterator[PairedOutput]:
    """Run `model` on `inputs` (N, C, H, W) and `references` of the same shape at once.

    Inside the context `torch.autograd.grad(objective(out.value), out.inputs)` is the multiplier m, and the
    attribution is m (x - x') (Eq. 2); on leaving it the model is exactly as before. The network runs in
    evaluation mode, in the precision of `inputs` (float32 or float64; half precision is computed in float32,
    with a warning). A network that routes by Python numbers (`int()` of a value), or computes with them (`float()`),
    has the image's in both streams; `jump` is what the reference's own would change. Random numbers are drawn once,
    for both streams.

    Args:
        strict: refuse operations that have no rule in closed form instead of integrating along the line
        between the streams. output: which output, of a network that returns a list, tuple (position) or dict (key).
        layers: submodules whose inputs, outputs and sums are to be found in `taps`. keep_values: whether
        taps hold the tensors themselves.
        unasked: put no question to the host, which a CUDA graph could not hold. What follows from one is left out: the
        caller looks at `doubt`, and where it is true (NaN, Inf, or a case that no rule computes unasked) makes the pass
        again as usual.

    Examples:
        >>> x, x_ref = torch.tensor([[[[3.0]]]]), torch.tensor([[[[1.0]]]])
        >>> with paired_forward(nn.Softplus(), x, x_ref) as out:
        ...     (m,) = torch.autograd.grad(out.value.sum(), out.inputs)
        >>> bool(torch.isclose(m * (x - x_ref), out.value - out.reference))
        True
        >>> [(o.name, o.kind) for o in out.operations]
        [('softplus', 'closed form')]

    Raises:
        ShapeError: input and reference do not fit.
        ReferenceLostError: the network takes a tensor out of PyTorch, or returns one without reference.
        NetworkAssertionError: an assertion of the network's own fails; the message says which.
        NotFiniteError: the network gives NaN or Inf; the message names the first submodule that does.
        UnsupportedOperationError: with `strict`, an operation without a rule.
    """
    asks = not (unasked or costly(inputs.device))
    x, x_ref = prepare(model, inputs, references, asks)
    again = draws_from_here(x.device)
    options = Options(strict=strict, output=output, layers=layers, keep_values=keep_values, asks=asks)
    doubt = None
    try:
        leaf, value, reference, trace = forward(model, x, x_ref, options)
    except Exception:
        if not asks and not unasked:
            require_finite(inputs, references)
        raise
    if not asks:
        doubt = doubtful((x, x_ref, value.detach(), reference), trace.notes or [])
        if not unasked and doubt.item():
            require_finite(inputs, references)
            again()
            asks = True
            leaf, value, reference, trace = forward(model, x, x_ref, replace(options, asks=True))
    name_parts(trace)
    if asks and not (all_finite(value) and all_finite(reference)):
        again()
        forward(model, x, x_ref, Options(strict=strict, output=output, check_finite=True))
        raise NotFiniteError("the network's output is NaN or Inf")
    halves = inputs.dtype in HALF or any(t.dtype in HALF for t in parameters_and_buffers(model))
    warning = ""
    if trace.lowered and not halves:
        warning = (
            f"{trace.lowered} casts to half precision, which is computed in {x.dtype}: the network's own output "
            "differs by the rounding"
        )
        if not unasked:
            warnings.warn(warning, stacklevel=3)
    jump = verify(model, x, x_ref, value.detach(), reference, output, trace, again)
    routed = trace.leaks[0] if jump is not None else ""
    yield PairedOutput(leaf, value, reference, list(trace.records.values()), jump, routed, trace.taps, doubt, warning)


def doubtful(results: Sequence[Tensor], notes: Sequence[Tensor]) -> Tensor:
    """Whether a result's sum is not finite, or a case arose that was taken not to: a truth on the results' device."""
    device = results[0].device
    return torch.stack([*(~t.sum().isfinite() for t in results), *(note.to(device) for note in notes)]).any()


def require_finite(inputs: Tensor, references: Tensor) -> None:
    """See that what a network is to be run on is finite.

    Raises:
        NotFiniteError: one of the two is not.
    """
    for name, tensor in (("input", inputs), ("reference", references)):
        if tensor.is_floating_point() and not all_finite(tensor):
            raise NotFiniteError(f"the {name} itself contains NaN or Inf")


def prepare(model: nn.Module, inputs: Tensor, references: Tensor, asks: bool) -> tuple[Tensor, Tensor]:
    """Check the two inputs, their numbers only where the host may ask, and bring them to the precision of the
    computation.
    """
    if inputs.shape != references.shape:
        raise ShapeError(
            f"the reference's shape {tuple(references.shape)} is not the input's "
            f"{tuple(inputs.shape)}: they are compared pixel by pixel"
        )
    if asks:
        require_finite(inputs, references)
    dtype = inputs.dtype if inputs.dtype in (torch.float32, torch.float64) else torch.float32
    if inputs.dtype in HALF or any(t.dtype in HALF for t in parameters_and_buffers(model)):
        warnings.warn("a half-precision network or input: explained in float32", stacklevel=4)
    return inputs.detach().to(dtype), references.detach().to(device=inputs.device, dtype=dtype)


def forward(model: nn.Module, x: Tensor, x_ref: Tensor, options: Options) -> tuple[Tensor, Tensor, Tensor, Trace]:
    """One paired pass: the leaf, the two outputs, and what was met. The model is as before after it."""
    trace = Trace(model, x.dtype, x.device.type, options, notes=None if options.asks else [])
    trace.lower_parameters = any(trace.raised(t.dtype) != t.dtype for t in parameters_and_buffers(model))
    trace.draws_in = torch.float32 if trace.lower_parameters and x.dtype == torch.float64 else None
    trace.taps = Taps(options.layers, options.keep_values) if options.layers else None
    again = draws_from_here(x.device)
    with torch.inference_mode(False), torch.enable_grad():
        leaf = x.clone().requires_grad_()
        carried = leaf.view_as(leaf)
    with (
        preserved(model, trace.exposed) as written,
        evaluating(model),
        handling(partial(dispatch, trace), trace.mark),
        put_off(trace.notes, x.device),
        torch.no_grad(),
        eagerly(),
    ):
        try:
            with Watch(trace), tapped(trace):
                result = model(Paired.of(carried, x_ref.clone()))
        except GhostError:
            result = None
        except AssertionError as error:
            raise NetworkAssertionError(asserted(error, trace)) from error
        except Exception as error:
            if type(error).__module__.startswith("torch._dynamo"):
                raise UnsupportedOperationError(
                    f"{submodule_of(error, trace)} needs PyTorch's compiler, which cannot follow tensors that carry "
                    f"their reference ({reason_of(error)[:200]})"
                ) from error
            again()
            if isinstance(error, (AttributionError, RequestError)) or out_of_memory(error) or fails_alone(model, x):
                raise
            raise FailedOperationError(
                f"{submodule_of(error, trace)} cannot be explained: it fails on tensors that carry their reference "
                f"({reason_of(error)[:200]})"
            ) from error
        if result is None and not options.copy_ghosts:
            again()
            return forward(model, x, x_ref, replace(options, copy_ghosts=True))
        changed = frozenset() if options.changing else written() | written_past(model, trace.exposed)
        result = choose(result, options.output)
        if not isinstance(result, Tensor):
            raise ReferenceLostError(
                f"the network returned {type(result).__name__}, not a tensor; name one with output="
            )
        paired = result if isinstance(result, Paired) else as_written(trace, result)
        if paired is None:
            raise ReferenceLostError(
                "the network's output carries no reference: it was made by a step outside PyTorch, "
                "or does not depend on the input"
            )
        value, reference = paired.pair()
    if changed:  # what it wrote to is put back by now, and gradients would be taken with it as it was before
        again()
        return forward(model, x, x_ref, replace(options, changing=changed))
    if not value.requires_grad:
        with torch.enable_grad():
            value = value + torch.zeros_like(leaf).mul(leaf).sum() * 0
    return leaf, value, reference.detach(), trace


def written_past(model: nn.Module, exposed: Exposed) -> frozenset[int]:
    """The storages of the network's own parameters and buffers that it wrote to by a `data` that it took of them."""
    if not exposed:
        return frozenset()
    own = (t for t in parameters_and_buffers(model) if t.layout == torch.strided and not nn.parameter.is_lazy(t))
    return frozenset(place for place in (t.untyped_storage().data_ptr() for t in own) if place in exposed)


def eagerly() -> AbstractContextManager[Any]:
    """Compiled parts of a network run as they were written: a compiler would take our own steps for the network's."""
    compiling = "torch._dynamo" in sys.modules or "torch.nn.attention.flex_attention" in sys.modules
    if compiling and hasattr(torch.compiler, "set_stance"):
        found: AbstractContextManager[Any] = torch.compiler.set_stance("force_eager")
        return found
    return nullcontext()


def verify(
    model: nn.Module,
    x: Tensor,
    x_ref: Tensor,
    value: Tensor,
    reference: Tensor,
    output: int | str | None,
    trace: Trace,
    again: Callable[[], None],
) -> Tensor | None:
    """Where a Python number read from the value stream steered both streams, or they selected different places, see
    whether each is still what the network makes of its input alone, drawing the same random numbers.

    Returns:
        How far the reference's output along the image's route is from that along its own; None where it is not.
    """
    if not (trace.ragged or trace.leaks):
        return None
    after = draws_from_here(x.device)
    streams = [(x, value)] if trace.ragged else []
    streams += [(x_ref, reference)]
    jump = None
    for alone, found in streams:
        again()
        _, plain, _, _ = forward(model, alone, alone, Options(output=output))
        plain = plain.detach()
        scale = float(plain.abs().max())
        if plain.shape == found.shape and float((plain - found).abs().max()) <= 1e-4 * scale:
            continue
        if trace.leaks and alone is x_ref and plain.shape == found.shape:
            jump = found - plain
            continue
        if not trace.ragged:
            raise UnsupportedOperationError(
                f"{trace.leaks[0]} decides the shape of the output: {tuple(found.shape)} for the image, "
                f"{tuple(plain.shape)} for the reference, which cannot be compared"
            )
        raise UnsupportedOperationError(
            f"{trace.ragged[0]}: its size depends on the data, and what follows mixes the selected elements, which "
            "cannot be explained (use torch.where, or multiply by the mask)"
        )
    after()
    return jump


def choose(result: Any, output: int | str | None) -> Any:
    """One output of a network that returns several: a position, a key, or an attribute; without `output` a single
    tensor is taken as it is.
    """
    if isinstance(result, Tensor):
        return result
    if output is None:
        if isinstance(result, (list, tuple)) and len(result) == 1:
            return result[0]
        known = f" ({named})" if (named := names_in(result)) else ""
        raise ShapeError(f"the network returns a {type(result).__name__}{known}; choose one with output=")
    try:
        return result[output]
    except (KeyError, IndexError, TypeError) as error:
        if isinstance(output, str) and isinstance(found := getattr(result, output, None), Tensor):
            return found
        raise ShapeError(
            f"the network's {type(result).__name__} has no output {output!r}; it has {names_in(result) or 'none'}"
        ) from error


def names_in(result: Any) -> str:
    """The outputs that there are to choose from, in words."""
    if isinstance(result, Mapping):
        return str(list(result))
    if isinstance(result, (list, tuple)):
        fields = f": {', '.join(result._fields)}" if hasattr(result, "_fields") else ""
        return f"positions 0 to {len(result) - 1}{fields}"
    return ", ".join(name for name, value in getattr(result, "__dict__", {}).items() if isinstance(value, Tensor))

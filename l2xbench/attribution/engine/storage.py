"""Plain tensors into which a network wrote paired data (`out = torch.zeros(...); out[:, 0] = x`).

Such a tensor's memory is followed from the first write on: the pass's trace holds the whole storage as one paired
tensor, and whoever reads the plain tensor is given a view of it. Changed here where other memory is to be followed.
"""

from __future__ import annotations

import sys
from dis import opmap

import torch
from torch import Tensor

from l2xbench.attribution.engine.tensor import Paired
from l2xbench.attribution.engine.trace import LOWER, Trace
from l2xbench.attribution.engine.views import View, take_again
from l2xbench.attribution.errors import UnsupportedOperationError


def as_written(trace: Trace, plain: Tensor) -> Paired | None:
    """The pair behind a plain tensor whose memory the network wrote paired data to; None where it did not."""
    if plain.layout != torch.strided or not trace.written:
        return None
    root = trace.written.get(plain.untyped_storage().data_ptr())
    if root is None or plain.numel() == 0:
        return None
    return view_of_storage(root, plain)


def followed(trace: Trace, plain: Tensor) -> Paired:
    """Follow a plain tensor's memory from now on: paired, with no difference yet."""
    found = as_written(trace, plain)
    if found is not None:
        return found
    storage = plain.untyped_storage()
    with torch.no_grad():
        flat = plain.detach().as_strided((storage.nbytes() // plain.element_size(),), (1,), 0).clone()
        if flat.dtype in LOWER:
            flat = flat.to(trace.raised(flat.dtype))
    root = Paired.of(flat, flat)
    trace.written[storage.data_ptr()] = root
    trace.kept.append(storage)
    return view_of_storage(root, plain)


def view_of_storage(root: Paired, plain: Tensor) -> Paired:
    """A plain tensor as a view of its paired storage, which may have been written to as complex or as real numbers.

    Raises:
        UnsupportedOperationError: it reads the bits of numbers of another kind.
    """
    path = geometry_of(root, plain)
    whole, whole_ref = root.pair()
    value = take_again(whole, path, grad=True)
    reference = value if whole_ref is whole else take_again(whole_ref, path, grad=False)
    return Paired.of(value, reference, root, path)


def geometry_of(root: Paired, plain: Tensor) -> tuple[View, ...]:
    """How a plain tensor is taken of the whole storage."""
    aten = torch.ops.aten
    size, stride, offset = plain.size(), plain.stride(), plain.storage_offset()
    if plain.is_complex() == root.is_complex() and plain.is_floating_point() == root.is_floating_point():
        return (View(aten.as_strided.default, (size, stride, offset), {}),)
    if plain.is_complex() and root.is_floating_point():
        parts = (*size, 2), (*(2 * each for each in stride), 1), 2 * offset
        return View(aten.as_strided.default, parts, {}), View(aten.view_as_complex.default, (), {})
    if plain.is_floating_point() and root.is_complex():
        return View(aten.view_as_real.default, (), {}), View(aten.as_strided.default, (size, stride, offset), {})
    raise UnsupportedOperationError(
        f"memory that depends on the input is read as numbers of another kind ({plain.dtype}); use to()"
    )


def assigns_attribute() -> bool:
    """Whether the line of Python that is being carried out assigns to an attribute (`z.real = x`), which PyTorch writes
    without a call.
    """
    frame = sys._getframe(1)
    while frame is not None and frame.f_code.co_name != "__torch_dispatch__":
        frame = frame.f_back  # type: ignore[assignment]
    line = frame and frame.f_back
    return line is not None and line.f_code.co_code[line.f_lasti] == opmap["STORE_ATTR"]


def require_seen(trace: Trace) -> None:
    """Paired data may be written into a plain tensor by the network's own call, whose later reads are seen; not by the
    inner steps of a function of PyTorch's or of a compiled one, whose reads are not.

    Raises:
        UnsupportedOperationError: it is such a step.
    """
    name = getattr(trace.calling, "__name__", "a scripted function")
    if not (name.endswith("_") or trace.writes_out or assigns_attribute()):
        raise UnsupportedOperationError(
            f"{name} in {trace.where()} writes into a tensor of its own, where the reference cannot be followed"
        )

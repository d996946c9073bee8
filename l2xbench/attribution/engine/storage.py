"""Plain tensors into which a network wrote paired data (`out = torch.zeros(...); out[:, 0] = x`).

Such a tensor's memory is followed from the first write on: the pass's trace holds the whole storage as one paired
tensor, and whoever reads the plain tensor is given a view of it. Changed here where other memory is to be followed.
"""

from __future__ import annotations

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
        flat = torch.empty(0, dtype=plain.dtype, device=plain.device).set_(storage)
        flat = flat.clone()
        if flat.dtype in LOWER:
            flat = flat.to(trace.raised(flat.dtype))
    root = Paired.of(flat, flat)
    trace.written[storage.data_ptr()] = root
    trace.kept.append(storage)
    return view_of_storage(root, plain)


def view_of_storage(root: Paired, plain: Tensor) -> Paired:
    """A plain tensor as a view of its paired storage."""
    geometry = (plain.size(), plain.stride(), plain.storage_offset())
    path = (View(torch.ops.aten.as_strided.default, geometry, {}),)
    whole, whole_ref = root.pair()
    value = take_again(whole, path, grad=True)
    reference = value if whole_ref is whole else take_again(whole_ref, path, grad=False)
    return Paired.of(value, reference, root, path)


def require_seen(trace: Trace) -> None:
    """Paired data may be written into a plain tensor by the network's own call, whose later reads are seen; not by the
    inner steps of a function of PyTorch's or of a compiled one, whose reads are not.

    Raises:
        UnsupportedOperationError: it is such a step.
    """
    name = getattr(trace.calling, "__name__", "a scripted function")
    if not (name.endswith("_") or trace.writes_out):
        raise UnsupportedOperationError(
            f"{name} in {trace.where()} writes into a tensor of its own, where the reference cannot be followed"
        )

"""Questions that rules put to the host, such as whether a row of a softmax is masked in one stream alone.

On a CPU a look costs little, and tells whether the dearer of two ways is needed: there questions are asked as they
arise. On a device every look waits for all that was queued. There they are put off: a rule goes a way that holds in
every case (`asked_at_once` says which way to go), or, where a case is too rare to be computed each time, notes on the
device whether it arose and goes on as if it had not (`arose`). What was noted is looked at once, when the pass has
ended, and where a case arose the pass is made again, with questions. Only a line integral, which stands in for a rule,
asks in its backward pass whether its nodes are enough.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from l2xbench.attribution.finite import all_finite

_local = threading.local()
Notes = list[Tensor]
"""Truths on the device: whether a case arose that was taken not to."""


@contextmanager
def put_off(notes: Notes | None, device: torch.device) -> Iterator[None]:
    """Within, this thread's rules note what they would ask; None for asking at once.

    Args:
        notes: where they note it.
        device: where the pass is made. On a CPU its numbers are those of a pass that asks, to the last bit; elsewhere
            rules go ways of their own, so that less is to be noted.
    """
    previous = getattr(_local, "notes", None), getattr(_local, "steady", False)
    _local.notes, _local.steady = notes, notes is not None and costly(device)
    try:
        yield
    finally:
        _local.notes, _local.steady = previous


def asked_at_once() -> bool:
    """Whether a rule may ask the host, and go the way that the answer tells."""
    return getattr(_local, "notes", None) is None


def steady() -> bool:
    """Whether a rule is to go a way that holds in every case, though its last digits are not those of the usual one."""
    return getattr(_local, "steady", False)


def arose(case: Tensor) -> bool:
    """Whether a rare case (a truth without axes) arose.

    Where questions are put off it is taken not to, and noted whether it did. On a CPU the answer of now is taken, which
    waits for nothing, and noted whether that of another time, when the pass is made again unasked, is another.
    """
    notes: Notes | None = getattr(_local, "notes", None)
    if notes is None:
        return bool(case)
    if steady():
        notes.append(case)
        return False
    found = bool(case.detach().numpy())  # as an operation that gives the host a number could not be recorded
    notes.append(~case if found else case)
    return found


def agree(one: Tensor, other: Tensor) -> bool:
    """Whether two discrete tensors of one shape are the same, and one may stand for both; False where it is not asked,
    which gives the same but for rounding.
    """
    return False if steady() else arose((one == other).all())


def is_finite(tensor: Tensor) -> bool:
    """Whether a tensor is finite, as it usually is; where questions are put off it is noted, and taken to be."""
    return all_finite(tensor) if asked_at_once() else not arose(~tensor.sum().isfinite())


@contextmanager
def as_on_a_device() -> Iterator[None]:
    """Within, maps of this thread are made on the CPU as on a device: no question is asked before its end.

    Examples:
        >>> from l2xbench import explain
        >>> net, image = torch.nn.Conv2d(3, 3, 3), torch.rand(1, 3, 8, 8)
        >>> with as_on_a_device():
        ...     found = explain(net, image)
        >>> torch.allclose(found.values, explain(net, image).values)
        True
    """
    previous = getattr(_local, "as_on_a_device", False)
    _local.as_on_a_device = True
    try:
        yield
    finally:
        _local.as_on_a_device = previous


def costly(device: torch.device) -> bool:
    """Whether a question about a tensor there waits for more than the tensor."""
    return device.type != "cpu" or getattr(_local, "as_on_a_device", False)

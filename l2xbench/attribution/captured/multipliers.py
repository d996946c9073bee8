"""Multipliers by a pass that was recorded: on a device, the Python of a paired pass costs more than its kernels.

The first map of a kind (network, shape, precision, how many objectives) is made as ever, on a CPU the first four. The
next is recorded, the paired pass and its backward passes with it, and from then on only replayed: images, references
and the objectives' windows are written to where the recorded pass reads them. Whatever cannot be recorded, and whatever
a replay finds wrong, such as NaN, is left to the pass as ever, which tells where.
"""

from __future__ import annotations

import copy
import warnings
import weakref
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from l2xbench.attribution.captured.constants import HostConstants
from l2xbench.attribution.captured.graphs import CAPTURES, is_news, passes_before, worth_recording
from l2xbench.attribution.captured.kept import KEYS, Kept, Known
from l2xbench.attribution.captured.questions import NotCapturableError, Unasked
from l2xbench.attribution.captured.settings import settings_now
from l2xbench.attribution.captured.state import state_of
from l2xbench.attribution.engine.backward import backward
from l2xbench.attribution.engine.draws import draws_from_here, standing
from l2xbench.attribution.engine.paired import paired_forward
from l2xbench.attribution.engine.state import WrittenError, with_contents_kept
from l2xbench.attribution.errors import AttributionError
from l2xbench.attribution.rules.call import OperationRecord
from l2xbench.errors import reason_of
from l2xbench.system import memory

Window = tuple[slice, ...]
"""One slice for each axis of the output after the batch's."""
AGREE = 1e-5
"""How far a replay may be from the pass that it was recorded from, as a part of the largest number."""
UNSOUND = 3
"""Replays of a kind, one after the other, that may be found wrong before it is given up."""
UNSOUND_REASON = "its passes ask what only the host can answer"
_uncaptured: list[bool] = []
"""One for each `uncaptured` that is entered, in whichever thread."""


class _OutsideError(BaseException):
    """A window is outside the output."""


@dataclass(frozen=True)
class Wanted:
    """One objective: the outputs in a window, each with the sign of its difference, or as it is."""

    window_of: Callable[[torch.Size], Window | None]
    """The window in an output of this shape; None where it has none there."""
    signed: bool


@dataclass
class Replayed:
    """What a replay gives, in tensors of its own."""

    value: Tensor
    """(N, ...) F(x)."""
    reference: Tensor
    """(N, ...) F(x')."""
    multipliers: list[Tensor]
    """For each objective, of the inputs' shape."""
    operations: list[OperationRecord]


@contextmanager
def uncaptured() -> Iterator[None]:
    """Within, every pass of the process is made as ever, and none is recorded or replayed."""
    _uncaptured.append(True)
    try:
        yield
    finally:
        _uncaptured.pop()


def free_captured() -> bool:
    """Let go of all recorded passes and their memory; whether there were any."""
    return _kept.free()


def makes_room(error: BaseException) -> bool:
    """Whether memory has run out and recorded passes held some, which is free now: what failed may be tried again."""
    return memory.has_run_out(error) and free_captured()


def captured_bytes(device: torch.device) -> int:
    """Memory of a device that recorded passes hold."""
    return _kept.held(device)


def replayed(
    network: nn.Module,
    inputs: Tensor,
    references: Tensor,
    objectives: Sequence[Wanted],
    *,
    strict: bool = False,
    output: int | str | None = None,
) -> Replayed | None:
    """The multipliers of a paired pass by a replay of one that was recorded, which may be done now.

    Returns:
        None where the pass is to be made as ever: on a device without graphs, the first time, where it cannot be
        recorded (the log says why, once), and where a replay has found something wrong, which that pass tells.

    Raises:
        AttributionError: a window is outside the output.
    """
    if _uncaptured or not worth_recording(inputs.device, inputs.numel()):
        return None
    if inputs.dtype not in (torch.float32, torch.float64):
        return None
    shape = inputs.shape, inputs.stride(), references.stride(), inputs.dtype, inputs.device
    key = shape, tuple(each.signed for each in objectives), strict, output, settings_now()
    with _kept.lock:
        known = _known(network, inputs.device)
        if known is None or key in known.refused:
            return None
        recorded = _kept.get(network, key)
        if recorded is None:
            known.met[key] = known.met.get(key, 0) + 1
            if known.met[key] <= passes_before(inputs.device):
                return None
            recorded = _recorded(network, known, key, inputs, references, objectives)
        return None if recorded is None else recorded.of(network, known, inputs, references, objectives)


def _known(network: nn.Module, device: torch.device) -> Known | None:
    """What is known of a network as it is now; None where nothing of it can be recorded."""
    try:
        state = state_of(network, device)
    except (Exception, NotCapturableError) as error:  # also what a network's own objects raise when they are looked at
        reason = str(error) if isinstance(error, NotCapturableError) else reason_of(error)
        known = _kept.of_network(network, ("refused", reason))
        if not known.refused:
            _kept.refuse(network, known, None, reason, news=is_news(device))
        return None
    known = _kept.of_network(network, state)
    if len(known.met) > KEYS or len(known.refused) > KEYS:
        known.met.clear()
        known.refused.clear()
    return known


def _recorded(
    network: nn.Module,
    known: Known,
    key: Hashable,
    inputs: Tensor,
    references: Tensor,
    objectives: Sequence[Wanted],
) -> _Recorded | None:
    """A pass of this kind, recorded and kept; None where it cannot be, which is remembered."""
    again = draws_from_here(inputs.device)
    try:
        made = _Recorded(network, key, inputs, references, objectives)
    except _OutsideError:
        again()
        return None  # the pass as ever tells it
    except NotCapturableError as error:
        reason = str(error)
    except WrittenError:
        reason = "it writes to its own tensors"
    except Exception as error:
        reason = "memory does not suffice" if memory.has_run_out(error) else reason_of(error)
    else:
        if _kept.keep(network, key, inputs.device, made):
            return made
        reason = "a recorded pass would take too much memory"
    again()
    _kept.refuse(network, known, key, reason, news=is_news(inputs.device))
    return None


class _Recorded:
    """One pass, its static inputs, and what it was made of."""

    def __init__(
        self, network: nn.Module, key: Any, inputs: Tensor, references: Tensor, objectives: Sequence[Wanted]
    ) -> None:
        _, self._signed, self._strict, self._output, _ = self._key = key
        self._network = weakref.ref(network)
        self._inputs, self._references = inputs.detach().clone(), references.detach().clone()
        self._windows: list[Window | None] = []
        self._masks: list[Tensor] = []
        self._constants = HostConstants(inputs.device)
        self._unsound = 0
        before = standing(inputs.device)
        with with_contents_kept(network), Unasked(inputs.device):
            with self._constants.keeping():
                expected = self._pass(objectives)
            if standing(inputs.device) != before:
                raise NotCapturableError("it draws random numbers")
            with self._constants:
                self._capture = CAPTURES[inputs.device.type](self._pass, inputs.device)
        with self._capture.turn():
            self._capture.replay()
            compared = slice(1, 3 + len(objectives))
            off = max(map(_distance, self._capture.outputs[compared], expected[compared]))
        if off > AGREE:
            self._capture.free()
            raise NotCapturableError(f"a replay is {off:.1e} off the pass that it was recorded from")

    @property
    def bytes(self) -> int:
        """Memory that it holds."""
        own = (self._inputs, self._references, *self._masks, *(kept for _, kept in self._constants.kept))
        return self._capture.bytes + sum(t.numel() * t.element_size() for t in own)

    def free(self) -> None:
        """Let go of the memory."""
        self._capture.free()

    def of(
        self, network: nn.Module, known: Known, inputs: Tensor, references: Tensor, objectives: Sequence[Wanted]
    ) -> Replayed | None:
        """The replay of an image; None where it does not hold."""
        windows = [each.window_of(self._shape) for each in objectives]
        with self._capture.turn(), torch.no_grad():
            self._inputs.copy_(inputs)
            self._references.copy_(references)
            for number, window in enumerate(windows):
                if window != self._windows[number]:
                    _fill(self._masks[number], window)
                    self._windows[number] = window
            self._capture.replay()
            doubt, value, reference, *others = [each.clone() for each in self._capture.outputs]
        if doubt.item():
            self._unsound += 1
            if self._unsound >= UNSOUND:
                _kept.drop(network, self._key)
                _kept.refuse(network, known, self._key, UNSOUND_REASON, news=is_news(inputs.device))
            return None
        self._unsound = 0
        if self._warning:
            warnings.warn(self._warning, stacklevel=5)
        multipliers, left = others[: len(windows)], iter(others[len(windows) :])
        operations = [copy.copy(each) for each in self._operations]
        for each in operations:
            if isinstance(each.left, Tensor):
                each.left = next(left)
        return Replayed(value, reference, multipliers, operations)

    def _pass(self, objectives: Sequence[Wanted] = ()) -> tuple[Tensor, ...]:
        """The pass that is recorded: whether it is in doubt, both outputs, the multipliers, what rules left."""
        network = self._network()
        assert network is not None
        multipliers = []
        with paired_forward(
            network, self._inputs, self._references, strict=self._strict, output=self._output, unasked=True
        ) as paired:
            value = paired.value.detach()
            difference = value - paired.reference
            if objectives:
                self._shape = value.shape
                try:
                    self._windows = [each.window_of(value.shape) for each in objectives]
                except AttributionError as error:
                    raise _OutsideError from error
                self._masks = [_mask(value, window) for window in self._windows]
            for number, (mask, signed) in enumerate(zip(self._masks, self._signed, strict=True), start=1):
                weights = difference.sign() * mask if signed else mask.expand_as(value).contiguous()
                more = number < len(self._masks)
                multipliers.append(backward(paired.value, weights, [paired.inputs], keep=more)[0])
            assert paired.doubt is not None
            self._warning, self._operations = paired.warning, paired.operations
        left = [each.left for each in paired.operations if isinstance(each.left, Tensor)]
        return (paired.doubt, value, paired.reference, *multipliers, *left)


def _mask(value: Tensor, window: Window | None) -> Tensor:
    """(1, ...) one in the window, zero elsewhere."""
    mask = torch.zeros((1, *value.shape[1:]), dtype=value.dtype, device=value.device)
    _fill(mask, window)
    return mask


def _fill(mask: Tensor, window: Window | None) -> None:
    mask.zero_()
    if window is not None:
        mask[(slice(None), *window)].fill_(1)


def _distance(one: Tensor, other: Tensor) -> float:
    """The largest difference, as a part of the largest number."""
    return float((one - other).abs().max()) / max(float(other.abs().max()), 1e-30)


_kept: Kept[_Recorded] = Kept()

"""A computation as the ATen operations that it was made of, to be made again without the Python that led to them.

On small tensors the Python around each operation (the network's own, autograd's graph, the pair of streams) takes
longer than the operation. A recording knows none of it: it is the straight list of calls, forward and backward, which
are made again on whatever the inputs hold by then. What reads memory reads it anew, so that parameters may change
where they lie; what was decided in Python, or was drawn at random, stays as it was.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from l2xbench.system.torch_parts import TorchDispatchMode, tree_leaves, tree_map_only

ALIASES = frozenset({"detach", "alias", "lift"})
"""Operations whose result is their argument, where no gradients are kept."""
KNOWN = frozenset({"aten", "prims", "torchvision", "quantized", "profiler"})
"""Libraries whose operations, each as a whole, are all that happens."""
Computation = Callable[[], tuple[Tensor, ...]]
"""Reads tensors that stay where they are, and gives others."""


class NotRecordedError(Exception):
    """The computation does something that would not be the same when its operations are made again."""


class Slot:
    """A tensor in the list of calls: what call gave it, or one that is there before any (`constant`)."""

    __slots__ = ("constant", "number")

    def __init__(self, number: int, constant: Tensor | None = None) -> None:
        self.number, self.constant = number, constant


class _Memory:
    """What is known of the tensors in a piece of memory, while it lives."""

    def __init__(self, storage: torch.UntypedStorage, gone: Callable[[Any], None]) -> None:
        self.alive = weakref.ref(storage, gone)
        self.by_place: dict[Any, Slot] = {}
        self.by_object: dict[int, tuple[Any, Slot]] = {}


class _Recorder(TorchDispatchMode):  # type: ignore[misc]
    """Carries operations out and notes them. It holds no tensor but constants: memory is as without it."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[Any, Any, Any, list[Slot | None], bool, bool]] = []
        """Operation, arguments and options with slots for tensors, the slots of the results, whether it writes, whether
        it gives several.
        """
        self.count = 0
        self.memory: dict[int, _Memory] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if any(kind not in (Tensor, nn.Parameter) for kind in types):
            return NotImplemented  # a tensor of another kind takes its operation apart; its parts come back here
        kwargs = kwargs or {}
        if torch.Tag.nondeterministic_seeded in func.tags:
            raise NotRecordedError(f"{func} draws random numbers")
        if torch.Tag.inplace_view in func.tags or any(
            isinstance(a, (torch.UntypedStorage, torch.TypedStorage)) for a in args
        ):
            raise NotRecordedError(f"{func} gives a tensor another place in memory")
        if func.namespace not in KNOWN:
            raise NotRecordedError(f"{func} is another library's, within which gradients may keep tensors unseen")
        held = tree_map_only(Tensor, self.slot, (args, kwargs))
        result = func(*args, **kwargs)
        name = func._schema.name.partition("::")[2]
        if name in ALIASES:
            self.note(result, held[0][0])
            return result
        if name == "lift_fresh":
            func, held = torch.ops.aten.clone.default, (held[0], {})
        writes = func._schema.is_mutable
        given = {id(a) for a in tree_leaves((args, kwargs)) if isinstance(a, Tensor)} if writes else ()
        leaves = result if isinstance(result, (tuple, list)) else (result,)
        slots: list[Slot | None] = []
        for leaf in leaves:
            if not isinstance(leaf, Tensor) or id(leaf) in given:
                slots.append(None)
                continue
            slots.append(self.note(leaf, self.new()))
        self.calls.append((func, *held, slots, writes, isinstance(result, (tuple, list))))
        return result

    def new(self, constant: Tensor | None = None) -> Slot:
        """One more slot."""
        self.count += 1
        return Slot(self.count, constant)

    def memory_of(self, tensor: Tensor) -> _Memory:
        """What is known of a tensor's memory; of one that has gone, at whose address others may lie now, nothing."""
        storage = tensor.untyped_storage()
        address = storage._cdata
        found = self.memory.get(address)
        if found is None or found.alive() is not storage:

            def gone(reference: Any) -> None:
                if address in self.memory and self.memory[address].alive is reference:
                    del self.memory[address]

            found = self.memory[address] = _Memory(storage, gone)
        return found

    def note(self, tensor: Tensor, slot: Slot) -> Slot:
        """Remember which slot a tensor is."""
        memory, where = self.memory_of(tensor), place(tensor)
        memory.by_object[id(tensor)] = where, slot
        memory.by_place.setdefault(where, slot)
        return slot

    def slot(self, tensor: Tensor) -> Slot:
        """The slot of a tensor, which autograd may have put into another object; a constant where no call gave it."""
        memory, where = self.memory_of(tensor), place(tensor)
        known, found = memory.by_object.get(id(tensor), (None, None))
        if found is None or known != where:
            found = memory.by_place.get(where)
            if found is None:
                found = self.new(tensor)
            self.note(tensor, found)
        return found


def place(tensor: Tensor) -> Any:
    """Where a tensor lies in its memory, and how it is read."""
    return (
        tensor.storage_offset(),
        tensor.size(),
        tensor.stride(),
        tensor.dtype,
        tensor.is_conj() or tensor.is_neg(),
    )


class Recording:
    """A computation that was made once, and is made again by `replay`.

    Examples:
        >>> x = torch.tensor([1.0, 2.0])
        >>> recording = Recording(lambda: (x.square().sum(),))
        >>> x.fill_(3)
        tensor([3., 3.])
        >>> recording.outputs, recording.replay()
        ((tensor(5.),), (tensor(18.),))

    Raises:
        NotRecordedError: it draws random numbers, or moves tensors in memory.
    """

    def __init__(self, run: Computation) -> None:
        with _Recorder() as recorder:
            self.outputs = run()
        results = [recorder.slot(output) for output in self.outputs]
        calls = needed(recorder, results)
        self.bytes = len(calls) << 10
        """About what the list takes of memory; tensors that are there anyway are not counted."""
        self._replay = compiled(calls, results)

    def replay(self) -> tuple[Tensor, ...]:
        """The outputs, of what the inputs hold by now."""
        with torch.inference_mode(False), torch.no_grad():
            return self._replay()


def needed(recorder: _Recorder, results: list[Slot]) -> list[Any]:
    """The calls that the results depend on, and those that write."""
    wanted = {slot.number for slot in results}
    found = []
    for call in reversed(recorder.calls):
        _, args, kwargs, slots, writes, _ = call
        if writes or any(slot is not None and slot.number in wanted for slot in slots):
            wanted.update(leaf.number for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Slot))
            found.append(call)
    return found[::-1]


def compiled(calls: list[Any], results: list[Slot]) -> Callable[[], tuple[Tensor, ...]]:
    """A function that makes the calls, and lets go of each tensor after its last use."""
    last: dict[int, int] = {}
    for number, (_, args, kwargs, slots, _, _) in enumerate(calls):
        for leaf in [*tree_leaves((args, kwargs)), *slots]:
            if isinstance(leaf, Slot) and leaf.constant is None:
                last[leaf.number] = number
    for slot in results:
        last.pop(slot.number, None)
    freed: dict[int, list[int]] = {}
    for slot_number, number in last.items():
        freed.setdefault(number, []).append(slot_number)
    space: dict[str, Any] = {}
    names: dict[int, str] = {}

    def named(value: Any) -> str:
        if isinstance(value, Slot):
            if value.constant is None:
                return f"t{value.number}"
            value = value.constant
        elif value is None or value is True or value is False or type(value) is int:
            return repr(value)
        elif type(value) in (list, tuple) and any(isinstance(each, Slot) for each in value):
            return "[" + ", ".join(named(each) for each in value) + "]"
        if id(value) not in names:
            names[id(value)] = f"k{len(names)}"
            space[names[id(value)]] = value
        return names[id(value)]

    lines = ["def replay():"]
    for number, (func, args, kwargs, slots, _, several) in enumerate(calls):
        given = [*(named(a) for a in args), *(f"{name}={named(a)}" for name, a in kwargs.items())]
        call = f"{named(func)}({', '.join(given)})"
        targets = [f"t{slot.number}" if slot is not None else "_" for slot in slots]
        if several:
            call = f"{', '.join(targets)}, = {call}" if targets else call
        elif targets and targets[0] != "_":
            call = f"{targets[0]} = {call}"
        lines.append("    " + call)
        if number in freed:
            lines.append("    del " + ", ".join(f"t{each}" for each in freed[number]))
    lines.append(f"    return ({''.join(named(slot) + ', ' for slot in results)})")
    exec(compile("\n".join(lines), "<recording>", "exec"), space)
    found: Callable[[], tuple[Tensor, ...]] = space["replay"]
    return found

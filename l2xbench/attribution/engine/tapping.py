"""How tensors inside the network are found while it runs: hooks on the submodules asked for, gone when it has run."""

from __future__ import annotations

import sys
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from l2xbench.attribution.engine.operations import Operation
from l2xbench.attribution.engine.storage import as_written
from l2xbench.attribution.engine.taps import Tap, TappedJoin, TappedPart, leaves
from l2xbench.attribution.engine.tensor import Paired
from l2xbench.attribution.engine.trace import Trace
from l2xbench.attribution.rules.call import Call, Pair
from l2xbench.system.torch_parts import DisableTorchFunction

SUMS = {"add": 1, "sub": -1}
"""Operation -> the sign of its second argument."""
CONCATENATIONS = frozenset({"cat"})
JOINS = CONCATENATIONS | SUMS.keys()
MOST_PLACES = 500
"""Places in the graph up to which the name of a part is looked for."""


@contextmanager
def tapped(trace: Trace) -> Iterator[None]:
    """Hooks that note what the submodules asked for are given and give, while the network runs."""
    taps = trace.taps
    if taps is None:
        yield
        return

    def enter(module: nn.Module, args: Any, kwargs: Any) -> None:
        call = taps.begin(module)
        with DisableTorchFunction():
            call.inputs = tapped_in(trace, (args, kwargs))

    def leave(module: nn.Module, args: Any, kwargs: Any, result: Any) -> Any:
        call = taps.running.pop()
        with DisableTorchFunction():  # what `Watch` would take for the network's
            kept = own_tensors(trace, result, {place(tap) for tap in call.inputs})
            call.outputs = tapped_in(trace, kept)
        return kept

    handles = []
    try:
        for module in taps.selected:
            handles.append(nn.Module.register_forward_pre_hook(module, enter, with_kwargs=True))
            handles.append(nn.Module.register_forward_hook(module, leave, with_kwargs=True))
        yield
    finally:
        for handle in handles:
            handle.remove()


def place(tap: Tap) -> Any:
    """A tap's place in the graph, by which it is known again."""
    return None if tap.edge is None else (tap.edge.node, tap.edge.output_nr)


def tapped_in(trace: Trace, holder: Any) -> list[Tap]:
    """The taps on the tensors in a call's arguments or result."""
    assert trace.taps is not None
    found = []
    for leaf in leaves(holder):
        pair = leaf if isinstance(leaf, Paired) else as_written(trace, leaf)
        tap = trace.taps.tap(*(pair.pair() if pair is not None else (leaf, leaf)))
        if tap is not None:
            found.append(tap)
            if isinstance(leaf, Paired) and leaf.root is not leaf:
                leaf.noted = tap
    return found


def own_tensors(trace: Trace, result: Any, given: set[Any], several: bool = False) -> Any:
    """A submodule's result in which each tensor is its own: one that it was given and gives back as it is, one that it
    gives beside others which it may have made of it, and one that is only known by the memory it was written to, would
    have the multipliers of others too.
    """
    if isinstance(result, Tensor):
        pair = result if isinstance(result, Paired) else as_written(trace, result)
        if pair is None:
            return result
        value, _ = pair.pair()
        if value.grad_fn is not None and (several or (value.grad_fn, value.output_nr) in given):
            return torch.ops.aten.alias.default(pair)
        return pair
    if isinstance(result, tuple) or type(result) is list:
        items = [own_tensors(trace, item, given, several or len(result) > 1) for item in result]
        if all(new is old for new, old in zip(items, result, strict=True)):
            return result
        return type(result)(*items) if hasattr(result, "_fields") else type(result)(items)
    if type(result) in (dict, OrderedDict):
        held = {key: own_tensors(trace, item, given, several or len(result) > 1) for key, item in result.items()}
        return result if all(held[key] is result[key] for key in result) else type(result)(held)
    return result


def joined(trace: Trace, operation: Operation, call: Call, result: Pair) -> None:
    """Note a sum or concatenation of tensors that differ, if a submodule asked for makes it in its own forward."""
    taps = trace.taps
    assert taps is not None
    if not taps.running:
        return
    running = taps.running[-1]
    if innermost_module() is not running.module:
        return
    y, y_ref = result
    pieces: list[tuple[Tensor, Tensor, float, tuple[int, int, int] | None]] = []
    if operation.name in SUMS:
        factor = SUMS[operation.name] * call.value_options.get("alpha", 1)
        for number, (value, reference) in enumerate(zip(call.values[:2], call.references[:2], strict=True)):
            if not isinstance(value, Tensor) or value.shape != y.shape or value.dtype != y.dtype:
                return
            pieces.append((value, reference, factor if number else 1, None))
    else:
        axis, first = int(call.argument(1, "dim", 0)), 0
        for value, reference in zip(call.values[0], call.references[0], strict=True):
            if value.ndim != y.ndim or value.dtype != y.dtype:
                return
            pieces.append((value, reference, 1, (axis, first, value.shape[axis])))
            first += value.shape[axis]
    if sum(value is not reference for value, reference, _, _ in pieces) < 2:
        return
    whole = taps.tap(y, y_ref)
    parts = [(taps.tap(value, reference), factor, where) for value, reference, factor, where in pieces]
    if whole is not None and whole.edge is not None:
        own = [TappedPart(tap, factor, where) for tap, factor, where in parts if tap is not None]
        running.joins.append(TappedJoin(operation.name, whole, own))


def innermost_module() -> nn.Module | None:
    """The submodule whose own forward is running, read off the stack."""
    frame = sys._getframe(1)
    while frame is not None:
        owner = frame.f_locals.get("self")
        if isinstance(owner, nn.Module):
            return owner
        frame = frame.f_back  # type: ignore[assignment]
    return None


def name_parts(trace: Trace) -> None:
    """Say of each part of a join which submodule made it, and whether it passes by what the other parts went through.

    The graph of multipliers is followed back from a part to the nearest tensors that are known.
    """
    taps = trace.taps
    if taps is None:
        return
    names = {id(module): name for name, module in trace.model.named_modules()}
    makers: dict[Any, list[str]] = {}
    for call in taps.calls:
        for tap in call.outputs:
            if tap.edge is not None:
                makers.setdefault(place(tap), []).append(names[id(call.module)])
    holders = {holder for call in taps.calls for holder in above(names[id(call.module)])}
    for call in taps.calls:
        if not call.joins:
            continue
        own = names[id(call.module)]
        within = own + "." if own else ""
        given = {place(tap) for tap in call.inputs if tap.edge is not None}
        holds_others = own in holders
        for join in call.joins:
            for part in join.parts if holds_others else ():
                part.label = label_of(part.tap, makers, given, within)
            sums = [part for part in join.parts if part.tap.edge is not None]
            for part in sums:
                part.given = place(part.tap) in given
            if join.operation in SUMS and len(sums) == 2:
                early, late = sorted(sums, key=lambda part: place(part.tap)[0]._sequence_nr())
                early.skip = early.given or comes_from(late.tap, early.tap)
            else:
                for part in sums:
                    part.skip = part.given
            given = given | {place(join.result)} if join.operation in SUMS else given


def above(name: str) -> list[str]:
    """The names of the modules that hold a submodule.

    Examples:
        >>> above("body.0.conv")
        ['', 'body', 'body.0']
    """
    parts = name.split(".") if name else []
    return [".".join(parts[:depth]) for depth in range(len(parts))]


def parents(node: Any) -> list[tuple[Any, int]]:
    """The places in the graph that a node was made of."""
    return [(parent, number) for parent, number in node.next_functions if parent is not None]


def label_of(tap: Tap, makers: dict[Any, list[str]], given: set[Any], within: str) -> str:
    """The submodule, of those within, whose output a part is or was made of by the module's own operations."""
    if tap.edge is None:
        return ""
    waiting, seen, found = [place(tap)], set[Any](), list[str]()
    while waiting and len(seen) < MOST_PLACES:
        here = waiting.pop()
        if here in seen:
            continue
        seen.add(here)
        inner = [name for name in makers.get(here, ()) if name.startswith(within) and name != within]
        if inner:
            found.append(min(inner, key=len).removeprefix(within))
        elif here not in given:
            waiting += parents(here[0])
    return " + ".join(dict.fromkeys(reversed(found)))


def comes_from(tap: Tap, earlier: Tap) -> bool:
    """Whether a tensor was made of another one."""
    assert tap.edge is not None and earlier.edge is not None
    goal, first = place(earlier), earlier.edge.node._sequence_nr()
    waiting, seen = [place(tap)], set[Any]()
    while waiting:
        here = waiting.pop()
        if here == goal:
            return True
        if here in seen or here[0]._sequence_nr() < first:
            continue
        seen.add(here)
        waiting += parents(here[0])
    return False

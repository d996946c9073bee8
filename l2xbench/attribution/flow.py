"""The way from input to output, divided among a network's blocks without remainder.

A block's share (`explain(layers=...)`) is all that passes through what it computes, on whatever way to the output: ways
through several blocks count for each of them. Here every way counts once, for the last block that it passes through:
multipliers are carried back from the output and stop where they meet what a block has added. What the blocks have so
*written* and what goes *around* all of them add up to the whole difference, and so do their maps in the input.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import get_gradient_edge

from l2xbench.attribution.engine.paired import PairedOutput, paired_forward
from l2xbench.attribution.engine.tapping import SUMS, parents, place
from l2xbench.attribution.engine.taps import Tap, TappedCall, TappedJoin, Taps
from l2xbench.attribution.errors import AttributionError
from l2xbench.attribution.layers_of_pass import product
from l2xbench.attribution.parts import Layers, chosen_parts, unwrapped
from l2xbench.attribution.precision import at_least_float32, halves_in_float32
from l2xbench.attribution.references import make_reference
from l2xbench.attribution.targets import Objective, TargetLike, parse_target

AROUND = "around"
Groups = Mapping[str, Sequence[str]] | Callable[[Sequence[str]], Mapping[str, Sequence[str]]]


@dataclass(frozen=True)
class BlockFlow:
    """What one block does to the explained difference, as parts of it; see `Flow`."""

    name: str
    """Its name in the network."""
    kind: str
    """Its class."""
    parameters: int
    """How many learned numbers it holds."""
    written: float
    """What it adds itself: ways to the output whose last block it is. These and `around` sum to 1."""
    share: float
    """All that passes through what it adds, also on through later blocks."""
    magnitude: float
    """The sum of |R| of what it adds."""
    activity: float
    """The Euclidean norm of what it adds, as a part of that of what it is given (0 where that is not known)."""
    multiplier: float
    """The sum of |multiplier x activation| of what it adds, in units of the objective: gradient x activation with the
    multiplier in the gradient's place."""
    residual: bool
    """Whether it adds to what it is given."""


@dataclass(frozen=True)
class Flow:
    """The flow through a network for one image; `flow` makes it.

    Examples:
        >>> net = nn.Sequential(*(nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.Conv2d(3, 3, 1)) for _ in range(3)))
        >>> found = flow(net, torch.rand(1, 3, 8, 8))
        >>> [round(block.written, 3) + 0 for block in found.blocks], found.around
        ([0.0, 0.0, 1.0], 0.0)
    """

    blocks: list[BlockFlow]
    """In the order in which they run."""
    around: float
    """The part of the difference that passes through no block."""
    skip: float
    """What the network's own skip connection around all blocks brings of that; NaN where it has none."""
    delta: float
    """The objective's difference between image and reference."""
    error: float
    """|the sum of what is written and around - 1|."""
    values: Tensor
    """(C, H, W) the whole map."""
    maps: dict[str, Tensor] = field(default_factory=dict)
    """Group -> (C, H, W) the part of the map that its blocks have written; these and `around`'s sum to `values`."""


def flow(
    network: nn.Module,
    inputs: Tensor,
    *,
    reference: str | Tensor = "blur",
    target: TargetLike = "image",
    layers: Layers = "blocks",
    groups: Groups | None = None,
) -> Flow:
    """Divide the difference of a network's output, and its map, among its blocks.

    Multipliers (Yu and Yang, *Learning to Explain*, Eqs. 3 to 6) are carried back from the output and stop where they
    meet what a block has added, so that each way from input to output counts once.

    Args:
        network: as for `explain`.
        inputs: (1, C, H, W), one image.
        reference: as for `explain`.
        target: likewise.
        layers: the blocks, by name or pattern; `"blocks"` are found by structure. None may lie within another.
        groups: group -> names of its blocks, or a function that gives that for all names; a map is made of each, in a
            part of a backward pass.

    Returns:
        what each block has written, the parts adding up to 1 with what goes around them all, and the maps (C, H, W).

    Examples:
        >>> class Block(nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.first, self.second = nn.Conv2d(4, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        ...     def forward(self, x):
        ...         return x + self.second(torch.relu(self.first(x)))
        >>> net = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Sequential(Block(), Block()), nn.Conv2d(4, 3, 1)).double()
        >>> found = flow(net, torch.rand(1, 3, 8, 8).double(), groups={"first": ["1.0"], "second": ["1.1"]})
        >>> [block.name for block in found.blocks], bool(abs(sum(found.maps.values()) - found.values).max() < 1e-9)
        (['1.0', '1.1'], True)

    Raises:
        AttributionError: as `explain`; several images; or a block that lies within another.
    """
    if inputs.ndim != 4 or len(inputs) != 1:
        raise AttributionError(f"inputs: shape {tuple(inputs.shape)}; the flow is of one image (1, C, H, W)")
    parts = chosen_parts(network, layers)
    for name in parts:
        for other in parts:
            if name != other and name.startswith(other + "."):
                raise AttributionError(f"layers: {name!r} lies within {other!r}; blocks must not")
    root = unwrapped(network)
    with torch.inference_mode(False), torch.enable_grad(), halves_in_float32(network):
        images = at_least_float32(inputs.detach().clone())
        asked = make_reference(reference, images)
        modules = [root, *parts.values()]
        with paired_forward(network, images, asked, layers=modules, keep_values=True) as paired:
            assert paired.taps is not None
            wanted = parse_target(target)
            objective = Objective.of(wanted, wanted.window(paired.value.shape), paired.value, paired.reference)
            return divided(paired, paired.taps, root, parts, objective, images - asked, groups)


def divided(
    paired: PairedOutput,
    taps: Taps,
    root: nn.Module,
    parts: Mapping[str, nn.Module],
    objective: Objective,
    difference: Tensor,
    groups: Groups | None,
) -> Flow:
    """The flow, from two backward passes and one for each group."""
    order = {id(call.module): number for number, call in reversed(list(enumerate(taps.calls)))}
    ran = {name: module for name, module in parts.items() if id(module) in order}
    if not ran:
        raise AttributionError(f"layers: none of {', '.join(list(parts)[:5])} is called in this pass")
    cuts = {name: added_by(taps.of_module[id(module)]) for name, module in ran.items()}
    known: set[Any] = set()
    for name, found in cuts.items():  # a module under two names is one block
        cuts[name] = [tap for tap in found if place(tap) not in known]
        known |= {place(tap) for tap in found}
    every = [tap for found in cuts.values() for tap in found]
    changes = {name: changed_by(taps.of_module[id(module)]) for name, module in ran.items()}
    skip = skip_around(taps.of_module[id(root)], known)
    watched = [*every, *(tap for found in changes.values() for tap, _ in found), *([skip[0]] if skip else [])]
    watched = list({id(tap): tap for tap in watched if tap.edge is not None}.values())
    start = objective.gradient_of(paired.value)
    edges = [tap.edge for tap in watched if tap.edge is not None]
    whole, *multipliers = torch.autograd.grad(
        paired.value, [get_gradient_edge(paired.inputs), *edges], start, retain_graph=True, allow_unused=True
    )
    with stopped(every):
        past, *direct = torch.autograd.grad(
            paired.value, [get_gradient_edge(paired.inputs), *edges], start, retain_graph=True, allow_unused=True
        )
    carried = {id(tap): found for tap, found in zip(watched, multipliers, strict=True)}
    ending = {id(tap): found for tap, found in zip(watched, direct, strict=True)}
    delta = float(objective.delta)
    around_values = torch.zeros_like(difference) if past is None else past * difference

    def part(amount: float) -> float:
        return amount / delta if delta else float("nan")

    def share(found: Tensor | None, difference: Tensor) -> float:
        return part(total(product(found, difference)))

    blocks = []
    for name, module in sorted(ran.items(), key=lambda pair: order[id(pair[1])]):
        added = cuts[name]
        blocks.append(
            BlockFlow(
                name=name,
                kind=type(module).__name__,
                parameters=sum(p.numel() for p in module.parameters() if p.requires_grad),
                written=sum(share(ending[id(tap)], tap.difference) for tap in added),
                share=sum(share(carried.get(id(tap)), change) for tap, change in changes[name]),
                magnitude=sum(
                    abs(part(total(product(carried.get(id(tap)), change).abs()))) for tap, change in changes[name]
                ),
                activity=activity(taps.of_module[id(module)], added),
                multiplier=sum(total(product(carried[id(tap)], value_of(tap)).abs()) for tap in added),
                residual=any(sums_with_given(call) for call in taps.of_module[id(module)]),
            )
        )
    around = part(total(around_values))
    maps = {}
    if groups is not None:
        maps[AROUND] = around_values[0].detach()
        chosen = groups([block.name for block in blocks]) if callable(groups) else groups
        for group, names in chosen.items():
            ends = [(value_of(t), ending[id(t)]) for name in names for t in cuts[name] if ending[id(t)] is not None]
            maps[group] = map_through(ends, paired.inputs, difference)[0]
    return Flow(
        blocks=blocks,
        around=around,
        skip=share(ending[id(skip[0])], skip[1].difference) if skip is not None else float("nan"),
        delta=delta,
        error=abs(sum(block.written for block in blocks) + around - 1),
        values=(whole * difference)[0],
        maps=maps,
    )


def map_through(ends: Sequence[tuple[Tensor, Tensor]], inputs: Tensor, difference: Tensor) -> Tensor:
    """What each input value gives through some tensors, each with its multiplier, of the shape of the inputs."""
    if not ends:
        return torch.zeros_like(difference)
    values, multipliers = zip(*ends, strict=True)
    (back,) = torch.autograd.grad(values, [inputs], multipliers, retain_graph=True, allow_unused=True)
    return torch.zeros_like(difference) if back is None else back * difference


def total(values: Tensor) -> float:
    """The sum, in float64 where the device has it."""
    return float(values.detach().sum(dtype=torch.float32 if values.device.type == "mps" else torch.float64))


def value_of(tap: Tap) -> Tensor:
    """The tensor itself."""
    assert tap.value is not None
    return tap.value


def added_by(calls: Sequence[TappedCall]) -> list[Tap]:
    """What a block adds: in the sums with what it was given, the other parts; its outputs where it has no such sum."""
    found = []
    for call in calls:
        added = [part.tap for join in sums_with_given(call) for part in join.parts if not part.given]
        found += [tap for tap in (added or call.outputs) if tap.edge is not None]
    return list({id(tap): tap for tap in found}.values())


def changed_by(calls: Sequence[TappedCall]) -> list[tuple[Tap, Tensor]]:
    """Where a block's whole addition comes to bear in each call, and the addition's difference: of one that adds in
    several steps, after the last.
    """
    found = []
    for call in calls:
        sums = sums_with_given(call)
        if not sums:
            found += [(tap, tap.difference) for tap in call.outputs]
            continue
        added = [part.factor * part.tap.difference for join in sums for part in join.parts if not part.given]
        found.append((sums[-1].result, torch.stack(added).sum(0)))
    return found


def sums_with_given(call: TappedCall) -> list[TappedJoin]:
    """The sums in a call of what the block was given, and what it has added to that, with something else; none where
    what comes out is not the last of them, but for an activation.
    """
    sums = [join for join in call.joins if join.operation in SUMS and any(part.given for part in join.parts)]
    if not sums:
        return []
    last = place(sums[-1].result)
    for tap in call.outputs:
        here = place(tap)
        for _ in range(3):
            if here == last:
                return sums
            above = parents(here[0]) if here is not None else []
            here = above[0] if len(above) == 1 else None
    return []


def activity(calls: Sequence[TappedCall], added: Sequence[Tap]) -> float:
    """The norm of what a block adds over that of what it is given, the mean over its calls."""
    given = [tap for call in calls for tap in call.inputs if tap.value is not None]
    size = sum(float(value_of(tap).detach().abs().square().sum()) for tap in given)
    made = sum(float(value_of(tap).detach().abs().square().sum()) for tap in added)
    return (made / size) ** 0.5 if size else 0.0


def skip_around(calls: Sequence[TappedCall], cuts: set[Any]) -> tuple[Tap, Tap] | None:
    """The last sum in the network's own forward in which one part comes from no block and the other from some: the
    sum's result and that part.
    """
    for join in (join for call in calls for join in reversed(call.joins) if join.operation in SUMS):
        parts = [part for part in join.parts if part.tap.edge is not None]
        if len(parts) != 2:
            continue
        through = [passes(part.tap, cuts) for part in parts]
        if sorted(through) == [False, True] and parts[through.index(False)].factor == 1:
            return join.result, parts[through.index(False)].tap
    return None


def passes(tap: Tap, cuts: set[Any]) -> bool:
    """Whether a tensor was made of what a block adds."""
    waiting, seen = [place(tap)], set[Any]()
    while waiting:
        here = waiting.pop()
        if here in cuts:
            return True
        if here not in seen:
            seen.add(here)
            waiting += parents(here[0])
    return False


@contextmanager
def stopped(taps: Sequence[Tap]) -> Iterator[None]:
    """Multipliers that reach these tensors go no further."""

    def stop(number: int) -> Any:
        def hook(found: Any) -> Any:
            return tuple(torch.zeros_like(g) if i == number and g is not None else g for i, g in enumerate(found))

        return hook

    handles = [tap.edge.node.register_prehook(stop(tap.edge.output_nr)) for tap in taps if tap.edge is not None]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()

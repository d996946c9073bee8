"""What passes through the inside of a network: the share of the explained difference that each tensor carries.

With multipliers m of a tensor t and its difference dt, R = m dt says how much each of its values made of the
objective's difference (the chain rule of multipliers, the paper's Eqs. 3 to 6, taken from the output to t instead of
to the input). Where everything passes through t, a whole cut of the network, R sums to the whole difference; of a sum
the parts' add up to the sum's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import torch
from torch import Tensor, nn

from l2xbench.attribution.engine.taps import Tap, TappedCall, TappedJoin, Taps
from l2xbench.attribution.errors import AttributionError


@dataclass(frozen=True, eq=False)
class LayerTensor:
    """One tensor inside the network, in one call.

    R = m (t - t') has the multiplier that the chain rule carries from the objective to t (Yu and Yang, *Learning to
    Explain*, Eqs. 3 to 6).

    Examples:
        >>> from l2xbench import explain
        >>> net = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 3, 3, padding=1))
        >>> (tensor,) = explain(net, torch.rand(1, 3, 6, 6), layers=["1"]).layers["1"].calls[0].outputs.tensors
        >>> tensor.values.shape, round(float(tensor.share), 4)
        (torch.Size([1, 8, 6, 6]), 1.0)
    """

    values: Tensor
    """R = m (t - t'), of the tensor's own shape; of a complex tensor the real part. Images one after the other along
    the first axis."""
    share: Tensor
    """(N,) the sum of R as a part of the objective's difference; NaN where that is zero."""
    magnitude: Tensor
    """(N,) the sum of |R| as a part of |the objective's difference|: how much was moved there, either way."""


@dataclass(frozen=True, eq=False)
class Side:
    """The tensors on one side of a submodule, in one call or in several; see `Layer`."""

    tensors: tuple[LayerTensor, ...]
    """One after the other, as it was given them or gave them."""
    where: str = field(default="", repr=False)
    """What an error calls it."""

    @property
    def values(self) -> Tensor:
        """The attributions of the one tensor there is.

        Raises:
            AttributionError: there are none or several; `tensors` has them.
        """
        if len(self.tensors) != 1:
            raise AttributionError(
                f"{self.where}: {len(self.tensors) or 'no'} tensors, whose values have no common shape; each is in "
                "`calls[i].outputs.tensors` (or `inputs`)"
            )
        return self.tensors[0].values

    @property
    def share(self) -> Tensor:
        """(N,) the shares of all its tensors together."""
        return torch.stack([tensor.share for tensor in self.tensors]).sum(0)

    @property
    def magnitude(self) -> Tensor:
        """(N,) the magnitudes of all its tensors together."""
        return torch.stack([tensor.magnitude for tensor in self.tensors]).sum(0)


@dataclass(frozen=True)
class Part:
    """One of the tensors that meet in a sum or a concatenation; see `Join`."""

    label: str
    """The submodule it comes from, named from the one that adds them; empty for what that was given itself."""
    skip: bool
    """Whether it passes by what the others went through."""
    share: Tensor
    """(N,) what it brings to the sum as a part of the objective's difference."""
    magnitude: Tensor
    """(N,) likewise of |R|."""


@dataclass(frozen=True)
class Join:
    """Where branches meet in a submodule's own forward. The parts' shares add up to `share`.

    Examples:
        >>> from l2xbench import explain
        >>> class Residual(nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.conv = nn.Conv2d(3, 3, 3, padding=1)
        ...     def forward(self, x):
        ...         return x + self.conv(x)
        >>> (join,) = explain(Residual(), torch.rand(1, 3, 6, 6), layers=[".", "conv"]).layers["."].joins
        >>> join.operation, [part.label for part in join.parts], round(float(sum(p.share for p in join.parts)), 4)
        ('add', ['', 'conv'], 1.0)
    """

    operation: str
    """`add`, `sub` or `cat`."""
    parts: tuple[Part, ...]
    """What meets there."""
    share: Tensor
    """(N,) of the result."""


@dataclass(frozen=True, eq=False)
class LayerCall:
    """One time that a submodule ran; see `Layer`."""

    inputs: Side
    """The tensors it was given: their whole shares, also what does not pass through the submodule."""
    outputs: Side
    """The tensors it gave."""
    joins: tuple[Join, ...]
    """Where branches met in its own forward."""


@dataclass(frozen=True, eq=False)
class Layer:
    """A submodule of an explained network, and what passed through it.

    `values`, `share` and `magnitude` are of its outputs. Where it runs several times, shares and magnitudes are over
    all its calls together, and `values` are those of each call.

    Examples:
        >>> from l2xbench import explain
        >>> net = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 3, 3, padding=1))
        >>> layer = explain(net, torch.rand(2, 3, 6, 6), layers=["0"]).layers["0"]
        >>> layer.kind, layer.parameters, layer.values.shape, layer.share.shape
        ('Conv2d', 224, torch.Size([2, 8, 6, 6]), torch.Size([2]))
    """

    name: str
    """Its name in the network."""
    kind: str
    """Its class."""
    parameters: int
    """How many learned numbers it holds."""
    order: int
    """How many submodules asked for began before it."""
    calls: tuple[LayerCall, ...]
    """Each time that it ran."""

    @property
    def inputs(self) -> Side:
        """The tensors it was given in all its calls."""
        return Side(tuple(t for call in self.calls for t in call.inputs.tensors), f"inputs of {self.name!r}")

    @property
    def outputs(self) -> Side:
        """The tensors it gave in all its calls."""
        return Side(tuple(t for call in self.calls for t in call.outputs.tensors), f"outputs of {self.name!r}")

    @property
    def joins(self) -> tuple[Join, ...]:
        """Where branches met in its own forward, in all its calls."""
        return tuple(join for call in self.calls for join in call.joins)

    @property
    def values(self) -> Tensor:
        """Attributions of the output's own shape, see `LayerTensor`."""
        return self.outputs.values

    @property
    def share(self) -> Tensor:
        """(N,) what passes through it, as a part of the objective's difference; see `LayerTensor`."""
        return self.outputs.share

    @property
    def magnitude(self) -> Tensor:
        """(N,) the same without cancelling; see `LayerTensor`."""
        return self.outputs.magnitude


class LayersFound(Mapping[str, Layer]):
    """The layers of an explanation by name, in the order in which they ran.

    Examples:
        >>> from l2xbench import explain
        >>> net = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 3, 3, padding=1))
        >>> found = explain(net, torch.rand(1, 3, 6, 6), layers="*").layers
        >>> list(found), {name: layer.kind for name, layer in found.items() if "1" in name}
        (['0', '1', '2'], {'1': 'ReLU'})
    """

    def __init__(self, layers: Mapping[str, Layer]) -> None:
        self._layers = dict(sorted(layers.items(), key=lambda pair: pair[1].order))

    def __getitem__(self, name: str) -> Layer:
        if name not in self._layers:
            raise AttributionError(
                f"layers: {name!r} was not asked for; there are {', '.join(self._layers) or 'none (layers=...)'}"
            )
        return self._layers[name]

    def __contains__(self, name: object) -> bool:
        return name in self._layers

    def __iter__(self) -> Iterator[str]:
        return iter(self._layers)

    def __len__(self) -> int:
        return len(self._layers)

    def to(self, like: Tensor) -> LayersFound:
        """The same in the type of another tensor.

        Args:
            like: of that type.

        Examples:
            >>> from l2xbench import explain
            >>> found = explain(nn.Sequential(nn.Conv2d(3, 3, 1)), torch.rand(1, 3, 6, 6), layers=["0"]).layers
            >>> found.to(torch.zeros((), dtype=torch.float64))["0"].share.dtype
            torch.float64
        """
        if all(t.share.dtype == like.dtype for layer in self.values() for t in layer.outputs.tensors):
            return self
        made: dict[int, Any] = {}

        def moved(found: Any) -> Any:
            if isinstance(found, Tensor):
                return found.to(like.dtype)
            if isinstance(found, tuple):
                return tuple(moved(each) for each in found)
            if isinstance(found, (LayerTensor, Side, Part, Join, LayerCall)):
                if id(found) not in made:
                    new = {each.name: moved(getattr(found, each.name)) for each in fields(found)}
                    made[id(found)] = type(found)(**new)
                return made[id(found)]
            return found

        return LayersFound({name: replace(layer, calls=moved(layer.calls)) for name, layer in self.items()})

    def __repr__(self) -> str:
        return f"LayersFound({', '.join(self._layers)})"


def layers_found(
    parts: Mapping[str, nn.Module], taps: Taps, gradients: Sequence[Tensor | None], delta: Tensor, like: Tensor
) -> LayersFound:
    """What each submodule's tensors carry, from the multipliers of all places in the graph.

    Args:
        parts: the submodules asked for, by name.
        taps: what was met of them, of one image.
        gradients: the multiplier of each of `taps.places()`.
        delta: (1,) the objective's difference.
        like: a tensor of the type that answers have.
    """
    multipliers = dict(zip((id(tap) for tap in taps.places()), gradients, strict=True))
    ready: dict[int, LayerTensor] = {}

    def finished(tap: Tap, where: str) -> LayerTensor:
        if tap.stale:
            raise AttributionError(
                f"layers: {where}: a view of memory that the network writes to afterwards, and reads again; what "
                "passes through it cannot be told from what is written; ask for other submodules"
            )
        if id(tap) not in ready:
            ready[id(tap)] = layer_tensor(product(multipliers.get(id(tap)), tap.difference), delta, like)
        return ready[id(tap)]

    def side(found: list[Tap], where: str) -> Side:
        return Side(tuple(finished(tap, where) for tap in found), where)

    def call(tapped: TappedCall, where: str) -> LayerCall:
        joins = tuple(finished_join(join, multipliers, delta, like) for join in tapped.joins)
        return LayerCall(side(tapped.inputs, f"inputs of {where}"), side(tapped.outputs, f"outputs of {where}"), joins)

    first = {id(one.module): number for number, one in reversed(list(enumerate(taps.calls)))}
    made: dict[int, tuple[LayerCall, ...]] = {}
    layers = {}
    for name, module in parts.items():
        if id(module) not in first:
            continue
        if id(module) not in made:
            made[id(module)] = tuple(call(one, repr(name)) for one in taps.of_module[id(module)])
        parameters = sum(p.numel() for p in module.parameters() if p.requires_grad)
        layers[name] = Layer(name, type(module).__name__, parameters, first[id(module)], made[id(module)])
    require_run(parts, layers)
    return LayersFound(layers)


def require_run(parts: Mapping[str, nn.Module], layers: Mapping[str, Layer]) -> None:
    """See that of what was asked for something ran."""
    if not layers:
        names = ", ".join(list(parts)[:5])
        raise AttributionError(
            f"layers: {names}: not called in this pass (unused, a container, or its forward is called by another way "
            "than module(x)); ask for what holds it, or for its own submodules"
        )


def product(multiplier: Tensor | None, difference: Tensor) -> Tensor:
    """R = m (t - t'); zero where no multiplier reaches it."""
    if multiplier is None:
        return torch.zeros_like(difference.real if difference.is_complex() else difference)
    if difference.is_complex() or multiplier.is_complex():
        found: Tensor = (multiplier.conj() * difference).real
        return found
    return multiplier * difference


def layer_tensor(values: Tensor, delta: Tensor, like: Tensor) -> LayerTensor:
    """The attributions of a tensor of one image, and their sums."""
    share, magnitude = sums(values, delta, like)
    return LayerTensor(values.to(like.dtype), share, magnitude)


def sums(values: Tensor, delta: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
    """(1,) and (1,): the sums of R and |R| as parts of the difference."""
    wide = torch.float32 if values.device.type == "mps" else torch.float64
    total, size = values.sum(dtype=wide).cpu(), values.abs().sum(dtype=wide).cpu()
    over = torch.where(delta == 0, torch.nan, delta.detach().cpu().to(wide))
    return (total / over).to(like), (size / over.abs()).to(like)


def finished_join(join: TappedJoin, multipliers: Mapping[int, Tensor | None], delta: Tensor, like: Tensor) -> Join:
    """What each part brings: the result's multiplier times the part's own difference."""
    multiplier = multipliers.get(id(join.result))
    parts = []
    for part in join.parts:
        m = multiplier
        if m is not None and part.place is not None:
            m = m.narrow(*part.place)
        share, magnitude = sums(product(m, part.tap.difference), delta, like)
        parts.append(Part(part.label, part.skip, part.factor * share, abs(part.factor) * magnitude))
    share, _ = sums(product(multiplier, join.result.difference), delta, like)
    return Join(join.operation, tuple(parts), share)


def together(found: Sequence[LayersFound]) -> LayersFound:
    """The layers of several images as those of a batch.

    Raises:
        AttributionError: a network did not run the same submodules for all of them.
    """
    if len(found) == 1:
        return found[0]
    made: dict[int, tuple[LayerCall, ...]] = {}
    layers = {}
    for name in found[0]:
        of_images = [each[name] for each in found if name in each]
        if len(of_images) != len(found) or len({shape_of(layer) for layer in of_images}) > 1:
            raise AttributionError(
                f"layers: {name!r} does not run alike for all images of the batch; explain them one by one"
            )
        key = id(of_images[0].calls)
        if key not in made:
            made[key] = tuple(joined_calls(calls) for calls in zip(*(layer.calls for layer in of_images), strict=True))
        first = of_images[0]
        layers[name] = Layer(name, first.kind, first.parameters, first.order, made[key])
    return LayersFound(layers)


def shape_of(layer: Layer) -> Any:
    """How often a layer ran and with what."""
    return tuple(
        (
            tuple(t.values.shape for t in call.inputs.tensors),
            tuple(t.values.shape for t in call.outputs.tensors),
            tuple((join.operation, len(join.parts)) for join in call.joins),
        )
        for call in layer.calls
    )


def joined_calls(calls: Sequence[LayerCall]) -> LayerCall:
    """One call of each image as one of the batch."""

    def side(sides: Sequence[Side]) -> Side:
        return Side(
            tuple(
                LayerTensor(*(torch.cat([getattr(t, name) for t in each]) for name in ("values", "share", "magnitude")))
                for each in zip(*(one.tensors for one in sides), strict=True)
            ),
            sides[0].where,
        )

    def join(joins: Sequence[Join]) -> Join:
        parts = tuple(
            Part(
                each[0].label,
                each[0].skip,
                torch.cat([part.share for part in each]),
                torch.cat([part.magnitude for part in each]),
            )
            for each in zip(*(one.parts for one in joins), strict=True)
        )
        return Join(joins[0].operation, parts, torch.cat([one.share for one in joins]))

    return LayerCall(
        side([call.inputs for call in calls]),
        side([call.outputs for call in calls]),
        tuple(join(each) for each in zip(*(call.joins for call in calls), strict=True)),
    )

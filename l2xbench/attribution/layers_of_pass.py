"""The layers of a pass: each tensor that was met, times its multiplier, and of several images those of a batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from l2xbench.attribution.engine.taps import Tap, TappedCall, TappedJoin, Taps
from l2xbench.attribution.errors import AttributionError
from l2xbench.attribution.layers import Join, Layer, LayerCall, LayersFound, LayerTensor, Part, Side


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

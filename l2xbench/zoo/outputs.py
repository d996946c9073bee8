"""The SR image among what a network returns, and whether it is one: what came, what is needed, what would mend it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from l2xbench.errors import RequestError, did_you_mean


class UnfitNetwork(RequestError):
    """A network that takes or gives no images of the channels or the scale that its card says, whatever the image."""


OF_Y = "if it is a network of the Y channel, say `channels: y` in the card or study, --channels y of a command"
Output = int | str
"""Which of a network's outputs: a position, a key or an attribute; `sr.0` is the first item of what `sr` names."""


def choose_output(result: Any, output: Output | None, name: str) -> Tensor:
    """The tensor that `output` names in what a network returned; without a name, the only one that there is.

    Raises:
        UnfitNetwork: there are several and none is named, none of that name, or no tensor under it.

    Examples:
        >>> import torch
        >>> choose_output({"sr": torch.ones(1), "loss": torch.zeros(1)}, "sr", "net")
        tensor([1.])
    """
    if output is None:
        while not isinstance(result, Tensor):
            inside = _parts(result)
            if len(inside) != 1:
                break
            result = next(iter(inside.values()))
        if isinstance(result, Tensor):
            return result
        inside = _parts(result)
        kind = type(result).__name__
        if not inside:
            raise UnfitNetwork(f"{name}: the network returns a {kind}, a tensor (N, 3, H, W) is needed")
        first = _largest(result)
        if first is None:
            raise UnfitNetwork(f"{name}: the network returns a {kind} ({_listed(inside)}) without any tensor")
        raise UnfitNetwork(
            f"{name}: the network returns a {kind} of {len(inside)} ({_listed(inside)}); "
            f"say which is the SR image: `output: {first}` in the card or study, --output {first} of a command"
        )
    steps: list[Output] = [output]
    if isinstance(output, str) and not (isinstance(result, Mapping) and output in result):
        steps = list(output.split("."))
    for step in steps:
        inside = {} if isinstance(result, Tensor) else _parts(result)
        found = _look_up(result, inside, step)
        if found is None:
            came = _shape(result) if isinstance(result, Tensor) else f"{type(result).__name__} ({_listed(inside)})"
            near = did_you_mean(str(step), map(str, inside)) if inside else "leave `output` out"
            raise UnfitNetwork(f"{name}: output: {output!r} is not in what the network returns, a {came}; {near}")
        result = found
    if not isinstance(result, Tensor):
        within = _largest(result)
        hint = "" if within is None else f"; say `output: {output}.{within}`"
        raise UnfitNetwork(f"{name}: output: {output!r} is a {type(result).__name__}, a tensor is needed{hint}")
    return result


def _largest(result: Any) -> str | None:
    """The largest tensor in a container, as `output` names it: deep supervision's other outputs are smaller."""
    sizes = dict(_tensors(result, ""))
    return max(sizes, key=lambda key: sizes[key], default=None)


def _tensors(result: Any, before: str, depth: int = 0) -> Iterator[tuple[str, int]]:
    """Each tensor in a container, and how many numbers it has."""
    for key, value in _parts(result).items():
        if isinstance(value, Tensor):
            yield f"{before}{key}", value.numel()
        elif depth < 4:
            yield from _tensors(value, f"{before}{key}.", depth + 1)


def only_image(result: Any, given: Tensor, channels: int) -> Output | None:
    """Which of several outputs is the SR image, where no other can be meant: of all that a network returns, it alone
    is (N, C, H, W). None where the network returns one tensor, where nothing tells, or where something within holds
    tensors of its own.

    Args:
        result: what the network returned.
        given: (N, C, h, w), what it got.
        channels: how many an image has.

    Examples:
        >>> import torch
        >>> image, quality = torch.zeros(1, 3, 8, 8), torch.zeros(1, 1)
        >>> only_image((image, quality), image, 3), only_image((image, image), image, 3)
        (0, None)
    """
    inside = {} if isinstance(result, Tensor) else _parts(result)
    if len(inside) < 2 or any(_parts(value) for value in inside.values() if not isinstance(value, Tensor)):
        return None
    planes = [key for key, value in inside.items() if isinstance(value, Tensor) and value.dim() >= 3]
    if len(planes) != 1 or not isinstance(planes[0], (int, str)):
        return None
    image = inside[planes[0]]
    fits = image.dim() == 4 and image.shape[:2] == (len(given), channels) and whole_ratio(image, given) is not None
    return planes[0] if fits else None


def _look_up(result: Any, inside: Mapping[Any, Any], step: Output) -> Any:
    if step in inside:
        return inside[step]
    text = str(step)
    if text.lstrip("-").isdigit():
        position = int(text)
        if position in inside:
            return inside[position]
        if isinstance(result, Sequence) and -len(result) <= position < len(result):
            return result[position]
    return None


def _parts(result: Any) -> dict[Any, Any]:
    """What a container holds, by key, position or field; an object's tensors by attribute."""
    if isinstance(result, Mapping):
        return dict(result)
    if isinstance(result, tuple) and hasattr(result, "_fields"):
        named = dict(zip(result._fields, result, strict=True))
        return named if len(named) > 1 else dict(enumerate(result))
    if isinstance(result, (list, tuple)):
        return dict(enumerate(result))
    if dataclasses.is_dataclass(result) and not isinstance(result, type):
        return {field.name: getattr(result, field.name) for field in dataclasses.fields(result)}
    held = getattr(result, "__dict__", {})
    return {key: value for key, value in held.items() if isinstance(value, Tensor)}


def _listed(inside: Mapping[Any, Any]) -> str:
    shown = [
        f"{key}: {_shape(value) if isinstance(value, Tensor) else type(value).__name__}"
        for key, value in list(inside.items())[:6]
    ]
    return ", ".join(shown) + (", ..." if len(inside) > len(shown) else "")


def _shape(tensor: Tensor) -> str:
    return " x ".join(map(str, tensor.shape)) or "a single number"


def require_image(result: Tensor, given: Tensor, channels: int, name: str) -> None:
    """What a network gave must be (N, `channels`, H, W) of real numbers, for as many images as it got.

    Args:
        result: what it gave.
        given: (N, C, h, w), what it got.
        channels: how many are needed: 3, or 1 of a network of the Y channel.
        name: the network, for the error.

    Raises:
        UnfitNetwork: the line says what came, what is needed, and which key of the card would mend it.
    """
    needed = f"({len(given)}, {channels}, H, W)"
    came = f"{name}: gives {_shape(result)} for {_shape(given)}; {needed} is needed"
    if result.layout != torch.strided or result.is_quantized:
        kind = "quantised" if result.is_quantized else str(result.layout).removeprefix("torch.").replace("_", " ")
        raise UnfitNetwork(f"{name}: gives a {kind} tensor; a dense one of plain numbers is needed")
    if result.device != given.device:
        raise UnfitNetwork(f"{name}: gives an image on {result.device} for one on {given.device}")
    if result.dim() != 4:
        hint = " (a batch in front)" if result.dim() == 3 else ""
        raise UnfitNetwork(came + hint)
    if len(result) != len(given):
        raise RequestError(f"{came}: it gives {len(result)} images for {len(given)}")
    if result.shape[1] != channels:
        hint = ""
        if channels == 3 and result.shape[1] == 1:
            hint = f"; {OF_Y}"
        elif result.shape[1] > channels:
            hint = (
                "; if the others belong to something else than the image, return them apart, "
                "or say what they are of the input: `extra_channels`"
            )
        raise UnfitNetwork(came + hint)
    if not result.dtype.is_floating_point:
        raise UnfitNetwork(f"{name}: gives {str(result.dtype).removeprefix('torch.')} numbers; real ones are needed")


def whole_ratio(result: Tensor, given: Tensor) -> int | None:
    """How many times larger each side of `result` is than of `given`; None where that is no whole number.

    Examples:
        >>> import torch
        >>> whole_ratio(torch.empty(1, 3, 32, 48), torch.empty(1, 3, 8, 12))
        4
    """
    down, across = (side / before for side, before in zip(result.shape[-2:], given.shape[-2:], strict=True))
    return int(down) if down == across and down == int(down) and down >= 1 else None


def require_size(result: Tensor, given: Tensor, scale: int, name: str) -> None:
    """What a network gave must be `scale` times larger than what it got.

    Raises:
        UnfitNetwork: it is enlarged by another whole number; the line says both sizes and the likely scale.
        RequestError: another size; the line says both, and the likely `multiple`.
    """
    needed = [side * scale for side in given.shape[-2:]]
    if list(result.shape[-2:]) == needed:
        return
    sizes = [" x ".join(map(str, size)) for size in (result.shape[-2:], given.shape[-2:], needed)]
    told = f"{name}: gives {sizes[0]} for {sizes[1]}; {sizes[2]} is needed at scale {scale}"
    ratio = whole_ratio(result, given)
    if ratio is not None:
        likely = f"its scale is likely {ratio}: say `scale: {ratio}` in the card or study"
        if ratio == 1:
            likely = (
                "its scale is likely 1; or it takes an image that bicubic interpolation has enlarged before, as SRCNN "
                "and VDSR do: say `enlarged: true`"
            )
        raise UnfitNetwork(f"{told}; {likely}")
    multiple = _likely_multiple(result, scale, given)
    if multiple is not None:
        raise RequestError(
            f"{told}; it likely works on sizes that are multiples of {multiple}: say `multiple: {multiple}` in the card"
        )
    down, across = (side / before for side, before in zip(result.shape[-2:], given.shape[-2:], strict=True))
    raise RequestError(
        f"{told}; it enlarges by {down:.4g} x {across:.4g}: mend `scale` (a whole number), or `multiple` if it needs "
        "sizes that are multiples of a number"
    )


def _likely_multiple(result: Tensor, scale: int, given: Tensor) -> int | None:
    """The smallest number by rounding up or down to whose multiples the given size becomes the result's."""
    sides = [(got / scale, side) for got, side in zip(result.shape[-2:], given.shape[-2:], strict=True)]
    for multiple in range(2, 257):
        down = all(got == side // multiple * multiple for got, side in sides)
        up = all(got == -(-side // multiple) * multiple for got, side in sides)
        if up or down:
            return multiple
    return None

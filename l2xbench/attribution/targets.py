"""What is explained: one output, those of a window, or all, as one number per image (the objective)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from l2xbench.attribution.errors import AttributionError, unknown

FORMS = ("image", "neuron:c,y,x", "patch:y,x,h,w")
Window = tuple[slice, ...]
"""One slice with start and stop for each axis of the output after the batch's."""


FEW = 16
"""A target of at most so many SR pixels has few outputs: float32's rounding may exceed 1e-5 of their change (measured:
1 output 4e-4, 1 pixel 1.2e-5, 4 pixels 3e-6, 16 pixels 1.5e-6)."""


@dataclass(frozen=True)
class ImageTarget:
    """All outputs."""

    few_outputs = False
    """Whether it is of few outputs, whose change is small beside the outputs and the attributions."""

    def window(self, shape: Sequence[int]) -> Window:
        """The outputs it means, in an output of this shape (N, ...)."""
        return tuple(slice(0, size) for size in shape[1:])

    def __str__(self) -> str:
        return "image"


@dataclass(frozen=True)
class NeuronTarget:
    """One output: channel, row and column in SR pixels (for a classifier, one class index)."""

    index: tuple[int, ...]
    few_outputs = True

    def window(self, shape: Sequence[int]) -> Window:
        """The one output it means, in an output of this shape (N, ...)."""
        if len(self.index) != len(shape) - 1:
            raise AttributionError(
                f"target '{self}' has {len(self.index)} indices; output shape {tuple(shape)} needs {len(shape) - 1}"
            )
        for axis, (index, size) in enumerate(zip(self.index, shape[1:], strict=True)):
            if not 0 <= index < size:
                name = ("channel", "row", "column")[axis] if len(shape) == 4 else f"index {axis}"
                raise AttributionError(
                    f"target '{self}' is outside the output: {name} {index} must be 0 to {size - 1}"
                    f" (output shape {tuple(shape)})"
                )
        return tuple(slice(index, index + 1) for index in self.index)

    def __str__(self) -> str:
        return "neuron:" + ",".join(map(str, self.index))


@dataclass(frozen=True)
class PatchTarget:
    """All channels of a window of the output: its first row and column, its height and width, in SR pixels."""

    y: int
    x: int
    height: int
    width: int

    @property
    def few_outputs(self) -> bool:
        """Whether it is of few outputs."""
        return self.height * self.width <= FEW

    def window(self, shape: Sequence[int]) -> Window:
        """The outputs it means, in an output of this shape (N, C, H, W)."""
        if len(shape) != 4:
            raise AttributionError(f"target '{self}' needs an output (N, C, H, W); this one has shape {tuple(shape)}")
        channels, rows, columns = shape[1:]
        inside = self.y >= 0 and self.y + self.height <= rows and self.x >= 0 and self.x + self.width <= columns
        if not inside or self.height < 1 or self.width < 1:
            raise AttributionError(
                f"target '{self}' is outside the output: rows {self.y} to {self.y + self.height - 1} must lie in 0 to"
                f" {rows - 1}, columns {self.x} to {self.x + self.width - 1} in 0 to {columns - 1}"
            )
        return (slice(0, channels), slice(self.y, self.y + self.height), slice(self.x, self.x + self.width))

    def __str__(self) -> str:
        return f"patch:{self.y},{self.x},{self.height},{self.width}"


Target = ImageTarget | NeuronTarget | PatchTarget
TargetLike = str | tuple[int, ...] | Target


def parse_target(target: TargetLike) -> Target:
    """A target from its text (`image`, `neuron:c,y,x`, `patch:y,x,h,w`) or its coordinates in SR pixels.

    A tuple of four integers is the patch (y, x, h, w); any other number of integers is a neuron. Whether it lies in
    the image is checked against the output, by `window`.

    Examples:
        >>> parse_target("patch:8,8,4,4") == parse_target((8, 8, 4, 4))
        True
        >>> parse_target("neuron:0,5,7").window((1, 3, 16, 16))
        (slice(0, 1, None), slice(5, 6, None), slice(7, 8, None))

    Raises:
        AttributionError: the text is none of these.
    """
    if isinstance(target, ImageTarget | NeuronTarget | PatchTarget):
        return target
    if isinstance(target, tuple) and target and all(isinstance(i, int) and not isinstance(i, bool) for i in target):
        return PatchTarget(*target) if len(target) == 4 else NeuronTarget(target)
    if not isinstance(target, str):
        raise AttributionError(f"target: found {target!r}; give one of {', '.join(FORMS)}, or a tuple of coordinates")
    name, _, rest = target.partition(":")
    if name == "image" and not rest:
        return ImageTarget()
    if name not in ("image", "neuron", "patch"):
        raise unknown("target", name, ["image", "neuron", "patch"])
    if name == "image" or not re.fullmatch(r"\s*-?\d+\s*(,\s*-?\d+\s*)*", rest):
        raise AttributionError(f"target {target!r} is not of the form {_form(name)!r}")
    numbers = tuple(int(part) for part in rest.split(","))
    if name == "neuron":
        return NeuronTarget(numbers)
    if len(numbers) != 4:
        raise AttributionError(f"target {target!r} has {len(numbers)} numbers; the form is {_form(name)!r}")
    return PatchTarget(*numbers)


def _form(name: str) -> str:
    return next(form for form in FORMS if form.startswith(name))


@dataclass(frozen=True)
class Objective:
    """sum_t sign(dF_t) F_t over the outputs t of a window: opposite changes do not cancel. For one neuron, F_t.

    The signs are the image's own: those of the difference between its output and its reference's.
    """

    window: Window
    """The outputs that count."""
    difference: Tensor
    """(N, *window) output minus reference output, in the window."""
    signed: bool
    """Whether each output is taken with the sign of its difference: everywhere but for a single neuron."""

    @classmethod
    def of(cls, target: Target, window: Window, output: Tensor, reference_output: Tensor) -> Objective:
        """The objective of a target, given the window it means in these outputs (N, ...)."""
        inside = (slice(None), *window)
        return cls(
            window, output.detach()[inside] - reference_output.detach()[inside], not isinstance(target, NeuronTarget)
        )

    @cached_property
    def weights(self) -> Tensor:
        """(N, *window): sign(dF_t), or 1."""
        return self.difference.sign() if self.signed else torch.ones_like(self.difference)

    @property
    def delta(self) -> Tensor:
        """(N,) float64: the objective's difference, sum_t |dF_t|, or dF_t for one neuron."""
        change = self.difference.abs() if self.signed else self.difference
        return sum_per_image(change)

    def gradient_of(self, output: Tensor) -> Tensor:
        """The objective's gradient with respect to the whole output: the weights, and zero outside the window."""
        full = torch.zeros_like(output)
        full[(slice(None), *self.window)] = self.weights.to(output)
        return full


def sum_per_image(values: Tensor) -> Tensor:
    """(N, ...) -> (N,) in float64 (on the CPU where the device has none).

    Examples:
        >>> sum_per_image(torch.ones(2, 3, 4, 4)).tolist()
        [48.0, 48.0]
    """
    values = values.detach()
    values = values.cpu() if values.device.type == "mps" else values
    return values.double().flatten(1).sum(1)

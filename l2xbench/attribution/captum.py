"""L2X behind Captum's calling convention, so that a Captum user changes one line."""

from __future__ import annotations

from typing import Any

import torch
from captum.attr import GradientAttribution
from captum.log import log_usage
from torch import Tensor, nn

from l2xbench.attribution.engine.paired import paired_forward
from l2xbench.attribution.errors import AttributionError
from l2xbench.attribution.precision import Precision, at_least_float32, halves_in_float32, in_precision_asked
from l2xbench.attribution.targets import sum_per_image

Tensors = Tensor | tuple[Tensor, ...]
Baselines = Tensor | float | tuple[Tensor | float, ...] | None
CaptumTarget = int | tuple[Any, ...] | Tensor | list[int] | list[tuple[Any, ...]] | None


class L2X(GradientAttribution):  # type: ignore[misc]
    """Exact attribution of any network, called as Captum's `DeepLift` is.

    `L2X(model).attribute(inputs, baselines, target)`, with multipliers by the rules of Yu and Yang, *Learning to
    Explain*, Eqs. 1 to 6.

    On plain ReLU networks it agrees with `captum.attr.DeepLift` wherever that one's own convergence delta is zero. It
    may stand wherever Captum takes an attribution method, such as in `captum.attr.NoiseTunnel`.

    Examples:
        >>> import torch
        >>> from torch import nn
        >>> net = nn.Sequential(nn.Linear(4, 8), nn.GELU(), nn.Linear(8, 3), nn.Softmax(dim=1))
        >>> values, delta = L2X(net).attribute(torch.rand(5, 4), target=2, return_convergence_delta=True)
        >>> values.shape, bool((delta.abs() < 1e-5).all())
        (torch.Size([5, 4]), True)

    Args:
        model: any module. It is run in evaluation mode, and left as it was.
        multiply_by_inputs: whether `attribute` multiplies by (inputs - baselines); if not, it gives the multipliers.
        precision: `"float32"`, `"float64"`, or `"auto"`, which is float64 where the network can: every target here is
            a single output, and float32's rounding is up to 4e-4 of its difference. What is returned has the inputs'.
    """

    def __init__(self, model: nn.Module, multiply_by_inputs: bool = True, precision: Precision = "auto") -> None:
        super().__init__(model)
        self.model = model
        self.precision = precision
        self._multiply_by_inputs = multiply_by_inputs

    @property
    def multiplies_by_inputs(self) -> bool:
        """Whether attributions are multipliers times (inputs - baselines); Captum asks for it."""
        return self._multiply_by_inputs

    def has_convergence_delta(self) -> bool:
        """True: `attribute` can tell how far attributions are from summing to the output's difference.

        Examples:
            >>> L2X(nn.Identity()).has_convergence_delta()
            True
        """
        return True

    @log_usage()  # type: ignore[untyped-decorator]  # NoiseTunnel and its kin take what this decorator wraps
    def attribute(
        self,
        inputs: Tensors,
        baselines: Baselines = None,
        target: CaptumTarget = None,
        additional_forward_args: Any = None,
        return_convergence_delta: bool = False,
    ) -> Any:
        """Attributions of the inputs' shapes, with Captum's arguments and their meaning.

        Args:
            inputs: a tensor (N, ...) or a tuple of them.
            baselines: for each input a tensor of its shape, a tensor (1, ...) or a number; zero by default.
            target: which output: an int, a tuple of indices, or one of either per image in a list or a tensor; None
                where the network gives one number per image.
            additional_forward_args: passed on to the model after the inputs, and not explained.
            return_convergence_delta: also return (N,) sum of attributions - (output - baseline output).

        Returns:
            A tensor or a tuple, as `inputs` is, in units of the output; with `return_convergence_delta` a pair of that
            and the delta.

        Raises:
            AttributionError: baselines that do not fit the inputs, or a target that leaves several numbers per image
                or is outside the output.

        Examples:
            >>> import torch
            >>> from torch import nn
            >>> net = nn.Sequential(nn.Conv2d(3, 6, 3), nn.GELU(), nn.Flatten(), nn.Linear(216, 2))
            >>> image = torch.rand(1, 3, 8, 8)
            >>> L2X(net).attribute(image, baselines=0.5, target=1).shape
            torch.Size([1, 3, 8, 8])
        """
        several = isinstance(inputs, tuple)
        values = tuple(at_least_float32(x.detach()) for x in (inputs if isinstance(inputs, tuple) else (inputs,)))
        given = baselines if isinstance(baselines, tuple) else (baselines,) * len(values)
        if len(given) != len(values):
            raise AttributionError(f"baselines: found {len(given)} for {len(values)} inputs; give one for each")
        references = tuple(_baseline(value, base) for value, base in zip(values, given, strict=True))
        extra = additional_forward_args if isinstance(additional_forward_args, tuple) else (additional_forward_args,)
        model, x, reference = self.model, values[0], references[0]
        if several or additional_forward_args is not None:
            model = _Joined(model, values, () if additional_forward_args is None else extra)
            x, reference = _join(values), _join(references)
        with torch.inference_mode(False), torch.enable_grad(), halves_in_float32(model):
            values_and_delta = in_precision_asked(
                lambda dtype: self._computed(model, x.to(dtype), reference.to(dtype), target),
                model,
                self.precision,
                x.dtype,
                prefer_float64=True,
            )
        attributions, delta = (answer.to(x) for answer in values_and_delta)
        parts = (attributions,) if model is self.model else _split(attributions, values)
        answer = parts if several else parts[0]
        return (answer, delta) if return_convergence_delta else answer

    def _computed(self, model: nn.Module, x: Tensor, reference: Tensor, target: CaptumTarget) -> tuple[Tensor, Tensor]:
        """The attributions, of the shape of `x`, and (N,) how far their sum is from the output's difference."""
        with paired_forward(model, x, reference) as paired:
            chosen, chosen_reference = (select_target(y, target) for y in (paired.value, paired.reference))
            if chosen.numel() != len(chosen):
                raise AttributionError(
                    f"target={target!r} leaves outputs of shape {tuple(chosen.shape)}; choose one number per image"
                )
            (multiplier,) = torch.autograd.grad(chosen.sum(), paired.inputs)
            change = (chosen.detach() - chosen_reference).reshape(len(chosen))
        attributions = multiplier * (x - reference)
        total = sum_per_image(attributions)
        return attributions if self._multiply_by_inputs else multiplier, total - change.to(total)


def select_target(output: Tensor, target: CaptumTarget) -> Tensor:
    """The output that a Captum target means, per image.

    An int or tuple indexes the axes after the batch's, the same for each image; a list of ints or a 1-D tensor
    indexes a 2-D output, image by image; a list of tuples any output, image by image; None takes the output as it is.
    """
    if target is None:
        return output
    if isinstance(target, Tensor):
        target = int(target.item()) if target.numel() == 1 else target.flatten().tolist()
    if isinstance(target, int):
        target = (target,)
    if isinstance(target, list) and len(target) != len(output):
        raise AttributionError(f"target: {len(target)} entries for {len(output)} outputs; give one for each image")
    try:
        if isinstance(target, list):
            rows = [entry if isinstance(entry, tuple) else (entry,) for entry in target]
            return torch.stack([output[(number, *row)] for number, row in enumerate(rows)])
        return output[(slice(None), *target)]
    except IndexError as error:
        raise AttributionError(
            f"target={target!r} is outside an output of shape {tuple(output.shape)}: {error}"
        ) from None


def _baseline(value: Tensor, baseline: Tensor | float | None) -> Tensor:
    try:
        return torch.as_tensor(0.0 if baseline is None else baseline).detach().to(value).expand_as(value).clone()
    except RuntimeError:
        shape = tuple(baseline.shape) if isinstance(baseline, Tensor) else ()
        raise AttributionError(
            f"baselines: shape {shape} does not fit an input of shape {tuple(value.shape)}"
        ) from None


class _Joined(nn.Module):
    """A network of several inputs as one of a single input: their values side by side, (N, total)."""

    def __init__(self, network: nn.Module, like: tuple[Tensor, ...], extra: tuple[Any, ...]) -> None:
        super().__init__()
        self.network = network
        self.shapes = [value.shape[1:] for value in like]
        self.extra = extra

    def forward(self, joined: Tensor) -> Any:
        parts = torch.split(joined, [shape.numel() for shape in self.shapes], dim=1)
        shaped = [part.reshape(len(joined), *shape) for part, shape in zip(parts, self.shapes, strict=True)]
        return self.network(*shaped, *self.extra)


def _join(values: tuple[Tensor, ...]) -> Tensor:
    return torch.cat([value.flatten(1) for value in values], dim=1)


def _split(joined: Tensor, like: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    parts = torch.split(joined, [value[0].numel() for value in like], dim=1)
    return tuple(part.reshape(value.shape) for part, value in zip(parts, like, strict=True))

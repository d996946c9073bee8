"""What a method is: one function from a problem to a map, found by its name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, get_args, get_origin, get_type_hints

import torch
from torch import Tensor, nn

from l2xbench.attribution.errors import AttributionError, unknown
from l2xbench.attribution.layers import LayersFound
from l2xbench.attribution.methods import plain
from l2xbench.attribution.targets import Objective, Target, Window, sum_per_image


@dataclass
class Explained:
    """One target's answer: the map and the objective's difference that it should sum to."""

    values: Tensor
    """(N, C, H, W), of the inputs' shape."""
    delta: Tensor
    """(N,) float64; NaN where no network was run."""
    operations: list[Any] = field(default_factory=list)
    """What the engine met on the way, for the methods that use it."""
    jump: Tensor | None = None
    """(N,) what the objective's difference lacks where the network takes another route for the reference."""
    routed: str = ""
    """The first Python number that it routes by."""
    layers: LayersFound | None = None
    """What passed through the submodules that were asked for, by the methods that see them."""


@dataclass
class Problem:
    """All that a method may use: a network, a batch with its reference, and what to explain."""

    network: nn.Module
    inputs: Tensor
    reference: Tensor
    targets: list[Target]
    window_of: Callable[[Target, torch.Size], Window | None]
    """The outputs that a target means in an output of this shape; None where it means none of this tile's."""
    crop: Callable[[Tensor], Tensor]
    """Cuts this tile out of a tensor made of the whole image."""
    whole: Tensor
    """The whole image, of which `inputs` may be a tile."""
    output: int | str | None = None
    strict: bool = False
    seed: int = 0
    hr: Tensor | None = None
    """The HR images, for the methods that compare with them."""
    others: Sequence[Tensor] = ()
    """Other images (1, C, h, w), for the methods that draw from them."""
    layers: Mapping[str, nn.Module] = field(default_factory=dict)
    """The submodules that are asked for, by name."""

    def objective(self, target: Target, value: Tensor, reference_value: Tensor) -> Objective | None:
        """The target's objective, given the network's two outputs; None where this tile has no part in it."""
        window = self.window_of(target, value.shape)
        return None if window is None else Objective.of(target, window, value, reference_value)

    def run(self, inputs: Tensor) -> Tensor:
        """The network's output that was asked for."""
        return plain.run(self.network, inputs, self.output)

    def nothing(self) -> Explained:
        """The answer where this tile has no part in a target."""
        zeros = torch.zeros_like(self.inputs)
        return Explained(zeros, sum_per_image(zeros))


ExplainAll = Callable[..., "list[Explained]"]
"""(problem, **options) -> one answer for each target of the problem."""


@dataclass(frozen=True)
class Method:
    """A registered method."""

    name: str
    explain: ExplainAll
    options: Mapping[str, tuple[type, Any]]
    """Option -> its type and default."""
    summary: str
    runs_network: bool
    restores_network: bool
    """Whether the method itself leaves the network as it was."""
    converts_parameters: bool
    """Whether the method itself converts parameters of a lower precision to the inputs', as it meets them."""
    reference: Callable[..., Tensor] | None
    """(whole image, **options) -> the method's own reference, for the methods that have one."""
    needs_hr: bool = False
    """Whether the method needs HR images, and others to draw from, besides the images that it explains."""
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Option -> the texts it may be, for those declared as `Literal`."""
    sees_layers: bool = False
    """Whether it tells what passes through submodules."""

    def bind(self, options: Mapping[str, Any], also_known: tuple[str, ...] = ()) -> dict[str, Any]:
        """These options, checked, with the defaults of the others.

        Raises:
            AttributionError: an option that this method does not have, or a value of the wrong type.
        """
        bound = {name: default for name, (_, default) in self.options.items()}
        for name, value in options.items():
            if name not in self.options:
                raise unknown(f"method {self.name!r}: option", name, [*self.options, *also_known])
            if name in self.choices and value not in self.choices[name]:
                raise unknown(f"method {self.name!r}: option {name}", str(value), self.choices[name])
            kind = self.options[name][0]
            fits = isinstance(value, (int, float) if kind is float else kind)
            if not fits or (isinstance(value, bool) and kind is not bool):
                raise AttributionError(
                    f"method {self.name!r}: option {name} is {value!r}; give a {kind.__name__}, such as {bound[name]!r}"
                )
            if kind in (int, float) and not value > 0:
                raise AttributionError(f"method {self.name!r}: option {name} is {value!r}; it must be above 0")
            bound[name] = value
        return bound


_METHODS: dict[str, Method] = {}


def method(
    name: str,
    *,
    all_targets: bool = False,
    runs_network: bool = True,
    restores_network: bool = False,
    converts_parameters: bool = False,
    sees_layers: bool = False,
    reference: Callable[..., Tensor] | None = None,
    needs_hr: bool = False,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a method: `function(problem, objective, *, option: type = default, ...) -> map`.

    The function is called once per target and its map should sum to `objective.delta`; where a method's objective is
    its own, it returns an `Explained`. Its keyword-only parameters are the options users may set, each a number, a
    truth value or a `Literal` of texts. Its docstring's first line is shown in lists.

    Examples:
        >>> from l2xbench.attribution import explain
        >>> @method("even")
        ... def even(problem, objective, *, power: float = 1.0):
        ...     "The objective's difference, in equal parts."
        ...     return torch.ones_like(problem.inputs) * objective.delta.view(-1, 1, 1, 1) / problem.inputs[0].numel()
        >>> found = explain(nn.Conv2d(3, 3, 3).double(), torch.rand(1, 3, 8, 8).double(), method="even")
        >>> bool(found.completeness_error < 1e-9)
        True
        >>> del _METHODS["even"]

    Args:
        all_targets: the function is `(problem, **options) -> list[Explained]`, one answer for each target.
        runs_network: False for controls, which get no objective: `function(problem, **options)`.
        restores_network: the function itself leaves the network as it was; without it, that is seen to.
        converts_parameters: the function itself converts parameters of a lower precision to the inputs', as it meets
            them; without it, the network is cast.
        sees_layers: the function tells what passes through the problem's `layers`.
        reference: the method's own reference, made from the whole image and the options; `explain` reports it.
        needs_hr: the method compares with HR images and draws from others; `explain` is given both.
    """

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        if all_targets:
            explain: ExplainAll = function
        else:
            explain = partial(_each_target if runs_network else _without_network, function)
        hints = get_type_hints(function)
        parameters = inspect.signature(function).parameters.values()
        own = [p for p in parameters if p.kind is p.KEYWORD_ONLY]
        choices = {p.name: get_args(hints[p.name]) for p in own if get_origin(hints[p.name]) is Literal}
        options = {p.name: (str if p.name in choices else hints[p.name], p.default) for p in own}
        summary = (inspect.getdoc(function) or "").partition("\n")[0]
        _METHODS[name] = Method(
            name=name,
            explain=explain,
            options=options,
            summary=summary,
            runs_network=runs_network,
            restores_network=restores_network,
            converts_parameters=converts_parameters,
            reference=reference,
            needs_hr=needs_hr,
            choices=choices,
            sees_layers=sees_layers,
        )
        return function

    return register


def get_method(name: str) -> Method:
    """The method of this name.

    Examples:
        >>> get_method("integrated_gradients").bind({"steps": 20})
        {'steps': 20}

    Raises:
        AttributionError: there is none; names the nearest.
    """
    if name not in _METHODS:
        raise unknown("method", name, _METHODS)
    return _METHODS[name]


def method_names() -> list[str]:
    """The names of all methods that need nothing but a network and its images.

    Examples:
        >>> "l2x" in method_names(), "intervention" in method_names(), get_method("intervention").needs_hr
        (True, False, True)
    """
    return [name for name, known in _METHODS.items() if not known.needs_hr]


def _each_target(function: Callable[..., Any], problem: Problem, **options: Any) -> list[Explained]:
    """One call per target; the signs of the objectives come from two plain forward passes."""
    value, reference_value = plain.outputs(problem.network, problem.inputs, problem.reference, problem.output)
    answers = []
    for target in problem.targets:
        objective = problem.objective(target, value, reference_value)
        if objective is None:
            answers.append(problem.nothing())
            continue
        found = function(problem, objective, **options)
        answers.append(found if isinstance(found, Explained) else Explained(found, objective.delta))
    return answers


def _without_network(function: Callable[..., Any], problem: Problem, **options: Any) -> list[Explained]:
    """One map for all targets. Its difference is not known, since no network was run."""
    values = function(problem, **options)
    return [Explained(values, sum_per_image(values) * torch.nan) for _ in problem.targets]

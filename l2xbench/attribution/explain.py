"""The one call: which input values made a network's output differ from what it makes of a reference."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any, Literal, overload

import torch
from torch import Tensor, nn

from l2xbench.attribution.accepted import check_inputs, parts_asked_for, require_an_image_alone, tell_of_another_range
from l2xbench.attribution.attribution import Attribution
from l2xbench.attribution.engine.draws import draws_from_here
from l2xbench.attribution.errors import AttributionError
from l2xbench.attribution.finite import all_finite
from l2xbench.attribution.in_tiles import explained_in_tiles, tile_side
from l2xbench.attribution.layers import LayersFound
from l2xbench.attribution.methods import Explained, Method, Problem, get_method
from l2xbench.attribution.methods.plain import quiet
from l2xbench.attribution.parts import Layers
from l2xbench.attribution.precision import Precision, at_least_float32, halves_in_float32, in_precision_asked
from l2xbench.attribution.references import make_reference
from l2xbench.attribution.targets import Target, TargetLike, parse_target, sum_per_image
from l2xbench.attribution.verification import require_plain_outputs

LARGEST_ERROR = 1e-3
"""Above this completeness error or gap there is a warning."""
_KEYWORDS = (
    *("reference", "target", "method", "output", "strict", "tile", "overlap", "seed", "precision", "verify"),
    *("hr", "others", "layers"),
)


@overload
def explain(network: nn.Module, inputs: Tensor, *, target: list[TargetLike], **options: Any) -> list[Attribution]: ...
@overload
def explain(network: nn.Module, inputs: Tensor, *, target: TargetLike = ..., **options: Any) -> Attribution: ...
def explain(
    network: nn.Module,
    inputs: Tensor,
    *,
    reference: str | Tensor = "blur",
    target: TargetLike | list[TargetLike] = "image",
    method: str = "l2x",
    output: int | str | None = None,
    strict: bool = False,
    tile: int | Literal["auto"] | None = None,
    overlap: int = 16,
    seed: int = 0,
    precision: Precision = "auto",
    verify: bool = False,
    hr: Tensor | None = None,
    others: Sequence[Tensor] = (),
    layers: Layers | None = None,
    **options: Any,
) -> Attribution | list[Attribution]:
    """Explain a network's output for a batch of images by the images' own values.

    The objective is sum_t sign(dF_t) F_t over the outputs t of the target (dF: output minus reference output), for a
    single neuron F_t itself; `l2x` gives a map that sums to its difference (the
    paper's Eq. 1) on any network, in one backward pass.

    Args:
        network: any module that maps (N, C, H, W) to a tensor. It is run in evaluation mode, half precision in
            float32, and left as it was.
        inputs: (N, C, H, W) float, in the network's own range, on its device.
        reference: `"blur"` (variance 4 square pixels; `"blur:alpha=2"`), `"mean"`, `"black"`, or a tensor.
            `lam` has its own.
        target: `"image"`, `"neuron:c,y,x"` or `"patch:y,x,h,w"` in SR pixels, or a tuple of those numbers. A list of
            targets is explained from one forward pass, and gives a list.
        method: `"l2x"`, a peer (`gradient`, `input_x_gradient`, `integrated_gradients`, `smoothgrad`,
            `guided_backprop`, `deconvnet`, `occlusion`, `deeplift`, `lam`), a control (`difference`, `random`), or
            `intervention`: what a patch's PSNR loses, in dB, as blocks of LR pixels are replaced, by thousands of
            passes.
        output: index or key of the output to explain, where the network returns a list, a tuple or a dict.
        strict: refuse operations that have no exact rule (`l2x`).
        tile: side in LR pixels of the squares that the network is run on, one after the other, for images too large for
            memory; the map then sums to the difference of the tiled output. `"auto"` chooses by the free memory.
        overlap: margin in LR pixels that a tile has around the part of its output that is used.
        seed: of the methods that draw random numbers.
        precision: `"float32"` or `"float64"`, whatever the network has; the map is in the inputs' own. `"auto"` is the
            inputs', but `l2x` computes objectives of a single output or a few (`neuron`, a `patch` of up to 16 SR
            pixels, and what is asked for with them) in float64, at about twice the cost: in float32 rounding is up to
            4e-4 of so small a difference. Where that fails it warns, and computes them in float32.
        verify: compare the outputs that `l2x` explains with those of a plain pass, for images and references, at the
            cost of about four forward passes; a difference beyond rounding is an error that names the submodule.
        hr: (N, C, H, W) in [0, 1], what the output should have been; `intervention` alone looks at it.
        others: images (1, C, h, w) that `intervention` draws blocks from.
        layers: submodules whose part in it is told as well, in `Attribution.layers` (`l2x`): names, patterns
            (`"body.*"`, `"**.attn"`), or `"blocks"`, the network's own repeated parts. They come of the same pass,
            which for all blocks takes some per cent longer and keeps two more tensors for each tensor asked for; the
            images of a batch are explained one by one. Not together with tiles.
        **options: the method's own: `steps` (integrated_gradients, lam), `samples` and `noise` (smoothgrad), `window`
            and `stride` (occlusion), `variant` (`exact`, or `published`: the numbers of its authors' code), `sigma`,
            `kernel` and `detector` (lam), `block`, `coarse`, `fine` and `least` (intervention).

    Returns:
        maps (N, C, H, W) in units of the output, with what they sum to (N,) and how exactly; for a list of targets a
        list.

    Examples:
        >>> import torch
        >>> from torch import nn
        >>> _ = torch.manual_seed(0)
        >>> body = [nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 12, 3, padding=1)]
        >>> net = nn.Sequential(*body, nn.PixelShuffle(2))
        >>> a = explain(net, torch.rand(1, 3, 16, 16), reference="mean", target="patch:8,8,4,4")
        >>> a.values.shape, bool(a.completeness_error < 1e-5)
        (torch.Size([1, 3, 16, 16]), True)
        >>> inside = explain(net, torch.rand(1, 3, 16, 16), layers=["0", "2"]).layers
        >>> inside["0"].values.shape, [round(float(layer.share), 4) for layer in inside.values()]
        (torch.Size([1, 8, 16, 16]), [1.0, 1.0])

    Raises:
        AttributionError: a name, option, shape or target that is wrong; a ValueError.
        MethodError: a peer cannot explain this network; gives its reason.
    """
    chosen = get_method(method)
    bound = chosen.bind(options, _KEYWORDS)
    targets = [parse_target(item) for item in (target if isinstance(target, list) else [target])]
    if not targets:
        raise AttributionError("target: the list is empty; give at least one, such as 'image'")
    parts = parts_asked_for(network, layers, chosen, tile)
    check_inputs(inputs, chosen)
    if chosen.runs_network:
        require_an_image_alone(network)
    tell_of_another_range(network, inputs)
    # A caller may well be under no_grad; in inference mode its tensors could not be differentiated, hence the clone.
    with torch.inference_mode(False), torch.enable_grad(), halves_in_float32(network):
        images = at_least_float32(inputs.detach().clone())
        asked = make_reference(reference, images)
        problem = Problem(
            network=network,
            inputs=images,
            reference=asked if chosen.reference is None else chosen.reference(images, **bound),
            targets=targets,
            window_of=lambda wanted, shape: wanted.window(shape),
            crop=lambda whole: whole,
            whole=images,
            output=output,
            strict=strict,
            seed=seed,
            hr=hr,
            others=others,
            layers=parts,
        )
        again = draws_from_here(images.device)
        if verify and chosen.converts_parameters:
            require_plain_outputs(network, images, problem.reference, output)
        computed, answers = in_precision_asked(
            lambda dtype: (dtype, _answers(chosen, problem, bound, dtype, tile, overlap)),
            network,
            precision,
            images.dtype,
            prefer_float64=chosen.converts_parameters and any(wanted.few_outputs for wanted in targets),
            converts_parameters=chosen.converts_parameters,
        )
        results = [
            _finish(answer, problem.reference, chosen, wanted) for answer, wanted in zip(answers, targets, strict=True)
        ]
        picks = any(o.kind in ("selection", "comparison") for answer in answers for o in answer.operations)
        if picks and computed.itemsize > images.dtype.itemsize and tile is None:
            after = draws_from_here(images.device)
            results = _with_gaps(results, problem, again)
            after()
    settings: dict[str, bool | int | float | str] = {
        "network": called if isinstance(called := getattr(network, "name", None), str) else type(network).__name__,
        **({"scale": scale} if isinstance(scale := getattr(network, "scale", None), int) else {}),
        "reference": reference if isinstance(reference, str) else "given",
        "precision": str(computed).removeprefix("torch."),
        "seed": seed,
        **({} if output is None else {"output": output}),
        **({} if tile is None else {"tile": tile, "overlap": overlap}),
        **{name: value for name, value in bound.items() if isinstance(value, (bool, int, float, str))},
    }
    results = [replace(result, settings=settings, inputs=images.detach()) for result in results]
    return results if isinstance(target, list) else results[0]


def completeness_error(values: Tensor, delta: Tensor) -> Tensor:
    """How far maps are from completeness (the paper's Eq. 1): |sum R - delta| / max(|delta|, 0.001 sum |R|).

    Args:
        values: (N, ...) the maps R, in units of the objective.
        delta: (N,) the objective's differences.

    Returns:
        (N,) float64, 0 where both are zero.

    Examples:
        >>> completeness_error(torch.tensor([[2.0, -1.0]]), torch.tensor([1.25])).tolist()
        [0.2]
    """
    total, size = sum_per_image(values), sum_per_image(values.abs())
    delta = delta.to(total)
    error = (total - delta).abs()
    return torch.where(error == 0, 0.0, error / torch.maximum(delta.abs(), 1e-3 * size))


def _answers(
    method: Method,
    problem: Problem,
    options: dict[str, Any],
    dtype: torch.dtype,
    tile: int | Literal["auto"] | None,
    overlap: int,
) -> list[Explained]:
    """The maps, computed in a precision."""
    side = tile_side(problem, tile, overlap, dtype.itemsize) if method.runs_network else None
    given = {name: getattr(problem, name).to(dtype) for name in ("inputs", "reference", "whole")}
    problem = replace(problem, **given)
    with nullcontext() if method.restores_network or not method.runs_network else quiet(problem.network):
        if side is None:
            return method.explain(problem, **options)
        return explained_in_tiles(method, problem, options, side, overlap)


def _finish(answer: Explained, reference: Tensor, method: Method, target: Target) -> Attribution:
    values = answer.values.detach()
    error = completeness_error(values, answer.delta)
    total, worst = torch.stack([sum_per_image(values).sum(), error.nan_to_num(0.0).max()]).tolist()  # one question
    if method.runs_network and not math.isfinite(total) and not all_finite(values):
        warnings.warn(f"method {method.name!r}: the map for target '{target}' holds NaN or Inf", stacklevel=3)
    if method.converts_parameters and worst > LARGEST_ERROR:
        warnings.warn(
            f"target '{target}': the map is {worst:.1e} of the difference off completeness; "
            "`l2xbench check` says which operations are not exact",
            stacklevel=3,
        )
    if answer.jump is not None:
        warnings.warn(
            f"{goes_by(answer.routed)}; the reference's own would change the objective by "
            f"{answer.jump.abs().max():.3g} (`Attribution.jump`)",
            stacklevel=3,
        )
    return Attribution(
        values=values.to(reference),
        reference=reference,
        delta=answer.delta.to(reference),
        completeness_error=error.to(reference),
        method=method.name,
        target=str(target),
        operations=answer.operations,
        jump=(torch.zeros_like(answer.delta) if answer.jump is None else answer.jump).to(reference),
        gap=torch.full_like(answer.delta, torch.nan).to(reference),
        layers=LayersFound({}) if answer.layers is None else answer.layers.to(reference),
    )


def goes_by(number: str) -> str:
    """In words, that a network goes by a Python number (operation and submodule), and what is explained of it.

    Examples:
        >>> goes_by("int() in router")
        "the network routes by a Python number, int() in router: explained along the image's own route"
    """
    does = (
        "routes by a Python number, or computes with it" if number.startswith("float") else "routes by a Python number"
    )
    return f"the network {does}, {number}: explained along the image's own route"


def _with_gaps(found: list[Attribution], problem: Problem, again: Callable[[], None]) -> list[Attribution]:
    """The same, each with the gap between its difference and that of the network in its own precision."""
    streams = []
    for images in (problem.inputs, problem.reference):
        again()
        with quiet(problem.network), torch.no_grad():
            streams.append(problem.run(images))
    value, reference_value = streams
    results = []
    for one, target in zip(found, problem.targets, strict=True):
        objective = problem.objective(target, value, reference_value)
        assert objective is not None
        own = objective.delta
        off = (one.delta.to(own) + one.jump.to(own) - own).abs()
        gap = off / torch.maximum(own.abs(), 1e-3 * sum_per_image(one.values.abs())).clamp_min(1e-300)
        window = (slice(None), *objective.window)
        largest = torch.maximum(value[window].abs(), reference_value[window].abs()).flatten(1).amax(1)
        rounding = 64 * torch.finfo(value.dtype).eps * largest.to(own) * value[window][0].numel()
        if bool(((gap > LARGEST_ERROR) & (off > rounding)).any()):
            warnings.warn(
                f"target '{target}': the difference explained is {float(gap.max()):.1e} off that of the network in its "
                f"own {value.dtype}; it sorts or picks otherwise in another precision (precision='float32' explains it "
                "as it runs)",
                stacklevel=3,
            )
        results.append(replace(one, gap=gap.to(one.delta)))
    return results

"""LAM: Gu and Dong, Interpreting Super-Resolution Networks with Local Attribution Maps, CVPR 2021."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from l2xbench.attribution.errors import AttributionError
from l2xbench.attribution.methods import plain
from l2xbench.attribution.methods.registry import Explained, Problem, method
from l2xbench.attribution.references import mirror_pad
from l2xbench.attribution.targets import Objective, Window

_NO_BLUR = 1e-5
"""Added to every width, as published: a width of 0 gives back the image."""


def strongest_blur(images: Tensor, *, sigma: float = 1.2, kernel: int = 9, **_: object) -> Tensor:
    """LAM's reference: the start of its path."""
    if images.ndim != 4:
        raise AttributionError(f"method 'lam' needs images (N, C, H, W); the inputs have shape {tuple(images.shape)}")
    return _blur(images, sigma, kernel).to(images)


@method("lam", all_targets=True, reference=strongest_blur)
def lam(
    problem: Problem,
    *,
    variant: Literal["exact", "published"] = "exact",
    steps: int = 50,
    sigma: float = 1.2,
    kernel: int = 9,
    detector: bool = True,
) -> list[Explained]:
    """LAM (Gu & Dong, 2021): gradients along a path of ever weaker blurs, of the gradient detector's answer.

    With g(a) the image under a Gaussian of standard deviation (1 - a) sigma and D the detector (the sum over the
    target of the norm of the output's forward differences), the map is sum_k dD(F(g(k/n))) (g(k/n) - g((k-1)/n)), k =
    1 to n: the published rule, and the defaults of its authors' demonstration (n = 50, sigma 1.2, kernel 9 x 9).
    `variant="published"` gives the numbers of that demonstration, which papers print; `variant="exact"` differs in two
    things. The norm's derivative at zero is 0, where theirs is NaN, and every input pixel that it reaches is set to 0
    in that step. And the output's last row and column count, with no difference beyond them, where theirs ends before.

    Both keep the signs, which are dropped when the map is drawn. LAM's own reference, the strongest blur, takes the
    place of the one that was asked for, and `delta` is the detector's difference. `detector=False` keeps the path and
    takes our objective instead.

    Raises:
        AttributionError: an even kernel, inputs or an output that are no images, or a published
            detector whose window lies in the output's last row or column.
    """
    published = variant == "published"
    norm = published_gradient_norm if published else gradient_norm
    blur = _published_blur if published and problem.whole.dtype == torch.float32 else _blur
    # The blurs are made of the whole image, so that a tile sees the same path.
    sigmas = [sigma * (1 - k / steps) for k in range(steps + 1)]
    start = problem.crop(blur(problem.whole, sigma, kernel))
    value, start_value = plain.outputs(problem.network, problem.inputs, start.to(problem.inputs), problem.output)
    if detector and value.ndim != 4:
        raise AttributionError(f"method 'lam': the output has shape {tuple(value.shape)}; its detector needs an image")
    objectives = [problem.objective(target, value, start_value) for target in problem.targets]
    if detector and published:
        for objective in objectives:
            _check_window(objective, value.shape)
    score = _detected(norm) if detector else _ours
    answers = [problem.nothing() for _ in problem.targets]
    previous = start
    for level in sigmas[1:]:
        blurred = problem.crop(blur(problem.whole, level, kernel))
        point = blurred.to(problem.inputs).detach().requires_grad_(True)
        output = problem.run(point)
        for number, (answer, objective) in enumerate(zip(answers, objectives, strict=True)):
            if objective is None:
                continue
            more = any(later is not None for later in objectives[number + 1 :])
            (gradient,) = torch.autograd.grad(score(output, objective).sum(), point, retain_graph=more)
            if published:
                gradient = gradient.nan_to_num(nan=0.0, posinf=torch.inf, neginf=-torch.inf)
            answer.values += gradient * (blurred - previous).to(gradient)
        previous = blurred
    for answer, objective in zip(answers, objectives, strict=True):
        if objective is not None:
            answer.delta = score(value, objective) - score(start_value, objective) if detector else objective.delta
    return answers


Score = Callable[[Tensor, Objective], Tensor]
"""(output, objective) -> (N,)."""


def _detected(norm: Callable[[Tensor], Tensor]) -> Score:
    """The detector's answer in the target's window."""
    return lambda output, objective: norm(output)[(slice(None), *objective.window)].flatten(1).sum(1)


def _ours(output: Tensor, objective: Objective) -> Tensor:
    return (output[(slice(None), *objective.window)] * objective.weights).flatten(1).sum(1)


def gradient_norm(images: Tensor) -> Tensor:
    """(N, C, H, W): sqrt(dy^2 + dx^2) of the forward differences, 0 beyond the last row and column."""
    down = F.pad(images[:, :, 1:] - images[:, :, :-1], (0, 0, 0, 1))
    right = F.pad(images[:, :, :, 1:] - images[:, :, :, :-1], (0, 1))
    square = down.square() + right.square()
    flat = square == 0
    return torch.where(flat, 1.0, square).sqrt() * ~flat


def published_gradient_norm(images: Tensor) -> Tensor:
    """(N, C, H-1, W-1): the same without the last row and column; its derivative is NaN where the image is flat."""
    corner = images[:, :, :-1, :-1]
    return ((images[:, :, 1:, :-1] - corner).square() + (images[:, :, :-1, 1:] - corner).square()).sqrt()


def _check_window(objective: Objective | None, shape: torch.Size) -> None:
    window: Window = () if objective is None else objective.window[-2:]
    if any(part.start >= size - 1 for part, size in zip(window, shape[-2:], strict=False)):
        raise AttributionError(
            "method 'lam': the target lies in the output's last row or column, where the published detector has no"
            " differences; use variant='exact' or another target"
        )


def _published_blur(images: Tensor, sigma: float, kernel: int) -> Tensor:
    """The same as `_blur` by OpenCV in float32, as published, to the last bit.

    Where the SR image is nearly flat the norm's derivative turns on the last bits of what the network is given: on
    CARN-M a path of other roundings changed maps by 2e-5 to 6e-4 of their maximum, this one by 2e-6.
    """
    import cv2

    offsets = _offsets(kernel).numpy()
    square = np.exp(-(offsets[:, None] ** 2 + offsets**2) / (2 * (sigma + _NO_BLUR) ** 2))
    square /= square.sum()
    blurred = [
        cv2.filter2D(np.ascontiguousarray(image.permute(1, 2, 0).cpu().numpy()), -1, square).reshape(
            *image.shape[1:], image.shape[0]
        )
        for image in images
    ]
    return torch.from_numpy(np.stack(blurred)).permute(0, 3, 1, 2).contiguous().to(images.device)


def _offsets(kernel: int) -> Tensor:
    if kernel % 2 == 0:
        raise AttributionError(f"method 'lam': option kernel is {kernel}; it must be odd")
    return torch.arange(-(kernel // 2), kernel // 2 + 1, dtype=torch.float64)


def _blur(images: Tensor, sigma: float, kernel: int) -> Tensor:
    """Convolve with a Gaussian cut to kernel x kernel and scaled to sum 1, reflecting about the edge pixels.

    The kernel that is cut to a square and then scaled is the product of two lines that are cut and scaled alike, and
    the reflection is OpenCV's `BORDER_REFLECT_101`: this is what the published code's `filter2D` gives.
    """
    radius, offsets = kernel // 2, _offsets(kernel)
    line = torch.exp(-0.5 * (offsets / (sigma + _NO_BLUR)) ** 2)
    # blurs are subtracted from their neighbours on the path, which in float32 would leave rounding
    exact = images.dtype if images.device.type == "mps" else torch.float64
    line = (line / line.sum()).to(images.device, exact)
    channels = images.shape[1]
    tall = line.view(1, 1, -1, 1).expand(channels, 1, -1, 1)
    wide = line.view(1, 1, 1, -1).expand(channels, 1, 1, -1)
    padded = mirror_pad(images.to(exact), radius, radius)
    return F.conv2d(F.conv2d(padded, tall, groups=channels), wide, groups=channels)

"""LAM: Gu and Dong, Interpreting Super-Resolution Networks with Local Attribution Maps, CVPR 2021."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from l2xbench.attribution.errors import AttributionError
from l2xbench.attribution.methods import plain
from l2xbench.attribution.methods.registry import Explained, Problem, method
from l2xbench.attribution.references import mirror_pad
from l2xbench.attribution.targets import Objective


def strongest_blur(images: Tensor, *, sigma: float = 1.2, kernel: int = 9, **_: object) -> Tensor:
    """LAM's reference: the start of its path."""
    if images.ndim != 4:
        raise AttributionError(f"method 'lam' needs images (N, C, H, W); the inputs have shape {tuple(images.shape)}")
    return _blur(images, sigma, kernel)


@method("lam", all_targets=True, reference=strongest_blur)
def lam(
    problem: Problem, *, steps: int = 50, sigma: float = 1.2, kernel: int = 9, detector: bool = True
) -> list[Explained]:
    """LAM (Gu & Dong, 2021): gradients along a path of ever weaker blurs, of the gradient detector's answer.

    With g(a) the image under a Gaussian of standard deviation (1 - a) sigma and D the detector (the sum over the
    target of the norm of the output's forward differences), the map is sum_k dD(F(g(k/n))) (g(k/n) - g((k-1)/n)), k =
    1 to n: the published rule, and the defaults of its authors' demonstration (n = 50, sigma 1.2, kernel 9 x 9).

    Ours differs in three things. Signs are kept (theirs are dropped when the map is drawn). The norm's derivative at
    zero is 0 (theirs is NaN, made 0 per pixel afterwards). The last row and column of the output count, with no
    difference beyond them. LAM's own reference, the strongest blur, takes the place of the one that was asked for,
    and `delta` is the detector's difference. `detector=False` keeps the path and takes our objective instead.
    """
    # The blurs are made of the whole image, so that a tile sees the same path.
    sigmas = [sigma * (1 - k / steps) for k in range(steps + 1)]
    start = problem.crop(strongest_blur(problem.whole, sigma=sigma, kernel=kernel))
    value, start_value = plain.outputs(problem.network, problem.inputs, start, problem.output)
    if detector and value.ndim != 4:
        raise AttributionError(f"method 'lam': the output has shape {tuple(value.shape)}; its detector needs an image")
    objectives = [problem.objective(target, value, start_value) for target in problem.targets]
    answers = [problem.nothing() for _ in problem.targets]
    previous = start
    for level in sigmas[1:]:
        point = problem.crop(_blur(problem.whole, level, kernel)).detach().requires_grad_(True)
        output = problem.run(point)
        for number, (answer, objective) in enumerate(zip(answers, objectives, strict=True)):
            if objective is None:
                continue
            score = _score(output, objective, detector).sum()
            more = any(later is not None for later in objectives[number + 1 :])
            (gradient,) = torch.autograd.grad(score, point, retain_graph=more)
            answer.values += gradient * (point.detach() - previous)
        previous = point.detach()
    for answer, objective in zip(answers, objectives, strict=True):
        if objective is not None:
            change = _score(value, objective, detector) - _score(start_value, objective, detector)
            answer.delta = change if detector else objective.delta
    return answers


def _score(output: Tensor, objective: Objective, detector: bool) -> Tensor:
    """(N,): the detector's answer in the target's window, or our objective."""
    inside = (slice(None), *objective.window)
    if not detector:
        return (output[inside] * objective.weights).flatten(1).sum(1)
    return gradient_norm(output)[inside].flatten(1).sum(1)


def gradient_norm(images: Tensor) -> Tensor:
    """(N, C, H, W): sqrt(dy^2 + dx^2) of the forward differences, 0 beyond the last row and column."""
    down = F.pad(images[:, :, 1:] - images[:, :, :-1], (0, 0, 0, 1))
    right = F.pad(images[:, :, :, 1:] - images[:, :, :, :-1], (0, 1))
    square = down.square() + right.square()
    flat = square == 0
    return torch.where(flat, 1.0, square).sqrt() * ~flat


def _blur(images: Tensor, sigma: float, kernel: int) -> Tensor:
    """Convolve with a Gaussian cut to kernel x kernel and scaled to sum 1, reflecting about the edge pixels.

    The 1e-5 is the published one: a width of 0 gives back the image.
    """
    if kernel % 2 == 0:
        raise AttributionError(f"method 'lam': option kernel is {kernel}; it must be odd")
    radius = kernel // 2
    offsets = torch.arange(-radius, radius + 1, dtype=torch.float64)
    line = torch.exp(-0.5 * (offsets / (sigma + 1e-5)) ** 2)
    line = (line / line.sum()).to(images)
    channels = images.shape[1]
    tall = line.view(1, 1, -1, 1).expand(channels, 1, -1, 1)
    wide = line.view(1, 1, 1, -1).expand(channels, 1, 1, -1)
    return F.conv2d(F.conv2d(mirror_pad(images, radius, radius), tall, groups=channels), wide, groups=channels)

"""The methods that Captum implements, asked for the same objective and reference as ours."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from l2xbench.attribution.errors import MethodError
from l2xbench.attribution.methods.registry import Problem, method
from l2xbench.attribution.targets import Objective
from l2xbench.errors import message_of
from l2xbench.system import memory


@method("gradient")
def gradient(problem: Problem, objective: Objective) -> Tensor:
    """The objective's gradient (Simonyan et al., 2013), signed."""
    from captum.attr import Saliency

    return _ask(
        "gradient",
        problem,
        objective,
        lambda net, index: Saliency(net).attribute(problem.inputs, abs=False, additional_forward_args=index),
    )


@method("input_x_gradient")
def input_x_gradient(problem: Problem, objective: Objective) -> Tensor:
    """The image times the objective's gradient (Shrikumar et al., 2016)."""
    from captum.attr import InputXGradient

    return _ask(
        "input_x_gradient",
        problem,
        objective,
        lambda net, index: InputXGradient(net).attribute(problem.inputs, additional_forward_args=index),
    )


@method("integrated_gradients")
def integrated_gradients(problem: Problem, objective: Objective, *, steps: int = 50) -> Tensor:
    """The gradient's mean on the straight line from the reference, times x - x' (Sundararajan et al., 2017)."""
    from captum.attr import IntegratedGradients

    # One step of all images at a time: a map needs no more memory than a gradient.
    return _ask(
        "integrated_gradients",
        problem,
        objective,
        lambda net, index: IntegratedGradients(net).attribute(
            problem.inputs,
            problem.reference,
            additional_forward_args=index,
            n_steps=steps,
            internal_batch_size=len(problem.inputs),
        ),
    )


@method("smoothgrad")
def smoothgrad(problem: Problem, objective: Objective, *, samples: int = 25, noise: float = 0.1) -> Tensor:
    """The gradient's mean over noisy copies of the image (Smilkov et al., 2017); noise in the image's own units."""
    from captum.attr import NoiseTunnel, Saliency

    device = problem.inputs.device
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(problem.seed)
        return _ask(
            "smoothgrad",
            problem,
            objective,
            lambda net, index: NoiseTunnel(Saliency(net)).attribute(
                problem.inputs,
                nt_type="smoothgrad",
                nt_samples=samples,
                nt_samples_batch_size=1,
                stdevs=float(noise),
                abs=False,
                additional_forward_args=index,
            ),
        )


@method("guided_backprop")
def guided_backprop(problem: Problem, objective: Objective) -> Tensor:
    """The gradient with negative signals stopped at each ReLU module (Springenberg et al., 2014)."""
    from captum.attr import GuidedBackprop

    _warn_without_relu("guided_backprop", problem.network)
    return _ask(
        "guided_backprop",
        problem,
        objective,
        lambda net, index: GuidedBackprop(net).attribute(problem.inputs, additional_forward_args=index),
    )


@method("deconvnet")
def deconvnet(problem: Problem, objective: Objective) -> Tensor:
    """The gradient with each ReLU module applied to the signal instead of its derivative (Zeiler & Fergus, 2014)."""
    from captum.attr import Deconvolution

    _warn_without_relu("deconvnet", problem.network)
    return _ask(
        "deconvnet",
        problem,
        objective,
        lambda net, index: Deconvolution(net).attribute(problem.inputs, additional_forward_args=index),
    )


@method("occlusion")
def occlusion(problem: Problem, objective: Objective, *, window: int = 4, stride: int = 4) -> Tensor:
    """The objective's fall when a square of the image is replaced by the reference (Zeiler & Fergus, 2014)."""
    from captum.attr import Occlusion

    channels = problem.inputs.shape[1]
    sides = [min(window, size) for size in problem.inputs.shape[2:]]
    strides = [min(stride, side) for side in sides]
    return _ask(
        "occlusion",
        problem,
        objective,
        lambda net, index: Occlusion(net).attribute(
            problem.inputs,
            (channels, *sides),
            strides=(channels, *strides),
            baselines=problem.reference,
            additional_forward_args=index,
        ),
    )


@method("deeplift")
def deeplift(problem: Problem, objective: Objective) -> Tensor:
    """Captum's DeepLIFT (Shrikumar et al., 2017): the rescale rule by hooks on activation modules."""
    from captum.attr import DeepLift

    return _ask(
        "deeplift",
        problem,
        objective,
        lambda net, index: DeepLift(net).attribute(problem.inputs, problem.reference, additional_forward_args=index),
    )


class _Scalar(nn.Module):
    """The objective as Captum wants it: one number per image. `index` says which image a row came from."""

    def __init__(self, problem: Problem, objective: Objective) -> None:
        super().__init__()
        self.network = problem.network
        self.run = problem.run
        self.inside = (slice(None), *objective.window)
        self.weights = objective.weights

    def forward(self, inputs: Tensor, index: Tensor) -> Tensor:
        return (self.run(inputs)[self.inside] * self.weights[index]).flatten(1).sum(1)


def _ask(name: str, problem: Problem, objective: Objective, call: Callable[[nn.Module, Tensor], Tensor]) -> Tensor:
    index = torch.arange(len(problem.inputs), device=problem.inputs.device)
    with _captum_words(name, problem.network), _out_of_place(problem.network), warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="captum")  # it announces its own hooks
        warnings.filterwarnings("ignore", message=".*[Ss]etting.*hooks")
        return call(_Scalar(problem, objective), index).detach().to(problem.inputs)  # Occlusion gives float32


@contextmanager
def _out_of_place(network: nn.Module) -> Iterator[None]:
    """Activations that work in place work out of place, which hooks on modules cannot follow otherwise."""
    changed = [module for module in network.modules() if getattr(module, "inplace", None) is True]
    for module in changed:
        module.inplace = False  # type: ignore[assignment]
    try:
        yield
    finally:
        for module in changed:
            module.inplace = True  # type: ignore[assignment]


@contextmanager
def _captum_words(name: str, network: nn.Module) -> Iterator[None]:
    """Captum's failures as one line that names the network and gives Captum's reason."""
    try:
        yield
    except (RuntimeError, AssertionError, AttributeError, TypeError, ValueError, IndexError, KeyError) as error:
        if memory.has_run_out(error):
            raise
        raise MethodError(
            f"method {name!r}: Captum cannot explain {type(network).__name__}: {message_of(error)}"
        ) from error


def _warn_without_relu(name: str, network: nn.Module) -> None:
    if not any(isinstance(module, nn.ReLU) for module in network.modules()):
        warnings.warn(
            f"{name}: {type(network).__name__} has no torch.nn.ReLU module, the only thing Captum's rule acts on:"
            " this map is the plain gradient",
            stacklevel=2,
        )

"""Quicker passes of a network, where a study asks for them and PSNR and SSIM stay what they are.

`restoration` and `ablation` take them; an attribution never does. What a network's passes are is decided once, on the
study's first image with HR: those asked for if its PSNR stays within 0.001 dB and its SSIM within 0.0001, else the
plain ones, with the reason.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from l2xbench.data import images, metrics
from l2xbench.data.pairs import LoadedPair
from l2xbench.errors import reason_of
from l2xbench.studies.shared.inference import Upscaler, device_of, may_divide, super_resolve
from l2xbench.system import memory
from l2xbench.words import words
from l2xbench.zoo.network import Network

PSNR_WITHIN = 0.001
SSIM_WITHIN = 0.0001


@dataclass(frozen=True)
class Passes:
    """How a network is run where only its output is wanted."""

    network: Upscaler
    told: str = ""
    """`channels_last, autocast`; or `plain: ` and why; empty where nothing else was asked for."""


def passes_of(network: Network, options: Mapping[str, Any], pair: LoadedPair) -> Passes:
    """The passes that `options["inference"]` asks for, if they are right, else the plain ones.

    Args:
        network: as it is explained; it is left as it was.
        options: of the unit: `inference`, `colour`, `border`.
        pair: what they are checked on, if no other image has decided for this network before.
    """
    wanted = options.get("inference")
    if not wanted:
        return Passes(network)
    if network not in _known:
        _known[network] = _checked(network, wanted, options, pair)
    quick, told = _known[network]
    return Passes(network if quick is None else quick, told)


def are_known(network: Network) -> bool:
    """Whether it has been decided how this network is run."""
    return network in _known


def _checked(
    network: Network, wanted: Sequence[str], options: Mapping[str, Any], pair: LoadedPair
) -> tuple[_Quick | None, str]:
    """The quicker passes, None where they are not right; and what to tell."""

    def plain(why: str) -> tuple[None, str]:
        return None, f"plain: {why}"

    if network.parameter_count == 0:
        return plain("nothing is learned")
    if pair.hr is None:
        return plain(f"{pair.name} has no {words(network.scale).hr} image to check the quicker passes on")
    lr = images.to_tensor(pair.lr).to(device_of(network))
    try:
        quick = _Quick(network, wanted)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a compiler's advice
            measured = [_metrics(super_resolve(one, lr), pair.hr, options) for one in (network, quick)]
    except Exception as error:  # no compiler, no memory, an operation without a half-precision form
        if memory.has_run_out(error) and not may_divide(error):
            raise
        return plain(reason_of(error)[:120])
    off = [abs(one - other) for one, other in zip(*measured, strict=True)]
    if off[0] <= PSNR_WITHIN and off[1] <= SSIM_WITHIN:
        return quick, ", ".join(wanted)
    return plain(f"{', '.join(wanted)} would be off by {off[0]:.4f} dB and {off[1]:.5f} in SSIM on {pair.name}")


def _metrics(output: Tensor, hr: Any, options: Mapping[str, Any]) -> tuple[float, float]:
    sr = images.to_image(output)
    arguments = sr, hr, options["border"], options["colour"]
    return metrics.psnr(*arguments), metrics.ssim(*arguments)


class _Quick:
    """A copy of a network, so that an attribution never meets what is changed here."""

    def __init__(self, network: Network, wanted: Sequence[str]) -> None:
        self.scale = network.scale
        self._wanted = wanted
        self._device = device_of(network)
        self._copy = copy.deepcopy(network)
        if "channels_last" in wanted:
            self._copy.to(memory_format=torch.channels_last)
        self._run: Callable[[Tensor], Tensor] = self._copy
        if "compile" in wanted:
            self._run = torch.compile(self._copy, dynamic=True)

    def __call__(self, lr: Tensor) -> Tensor:
        if "channels_last" in self._wanted:
            lr = lr.contiguous(memory_format=torch.channels_last)
        with ExitStack() as stack:
            for each in self._contexts():
                stack.enter_context(each)
            output = self._run(lr)
        # a tensor of inference mode could not be written to by whoever gets it
        return output.to(lr.dtype, memory_format=torch.contiguous_format, copy=output.is_inference())

    def _contexts(self) -> list[AbstractContextManager[Any]]:
        contexts: list[AbstractContextManager[Any]] = []
        if "inference_mode" in self._wanted:
            contexts.append(torch.inference_mode())
        if "autocast" in self._wanted:
            half = torch.float16 if self._device.type == "cuda" else torch.bfloat16
            contexts.append(torch.autocast(self._device.type, dtype=half))
        return contexts


_known: WeakKeyDictionary[Network, tuple[_Quick | None, str]] = WeakKeyDictionary()

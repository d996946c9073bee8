"""Spandrel's architectures: found from a checkpoint, or named by a card."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from importlib.util import find_spec
from typing import Any

import torch
from spandrel import ImageModelDescriptor, ModelDescriptor, ModelLoader, UnsupportedModelError
from torch import Tensor, nn

from l2xbench.errors import RequestError, did_you_mean, message_of
from l2xbench.zoo.cards import ModelCard
from l2xbench.zoo.fitting import same_numbers
from l2xbench.zoo.providers import Built, States
from l2xbench.zoo.providers.construct import construct, window_of
from l2xbench.zoo.states import StateDict

EXTRA = "spandrel_extra_arches"
"""A package of further architectures (Restormer, MPRNet, SRFormer, ...), of non-commercial licences; used where it is
installed."""


def build(card: ModelCard, states: States | None) -> Built:
    """The card's architecture, or the one that spandrel recognises in the checkpoint.

    Raises:
        RequestError: spandrel knows no such architecture, or does not recognise the checkpoint.
    """
    if "type" in card.arch:
        return _named(card)
    if states is None:
        raise RequestError(
            f"{card.name}: the provider spandrel reads the architecture off a checkpoint: give weights, or arch.type"
        )
    return _recognised(card, states)


@cache
def _homes() -> dict[str, str]:
    """Architecture -> the package that it lies in. Those of `EXTRA` are then recognised in checkpoints too."""
    homes = ["spandrel.architectures"]
    if find_spec(EXTRA) is not None:
        importlib.import_module(EXTRA).install(ignore_duplicates=True)
        homes.append(f"{EXTRA}.architectures")
    found: dict[str, str] = {}
    for home in homes:
        for info in pkgutil.iter_modules(importlib.import_module(home).__path__):
            if info.ispkg and not info.name.startswith("_"):
                found.setdefault(info.name, home)
    return found


def _more_in_extra() -> str:
    """The end of an error line where more architectures could be had."""
    if find_spec(EXTRA) is not None:
        return ""
    return "; pip install spandrel-extra-arches brings more (Restormer, MPRNet, SRFormer; for non-commercial use)"


def _named(card: ModelCard) -> Built:
    arguments = dict(card.arch)
    kind = str(arguments.pop("type"))
    homes = _homes()
    if kind not in homes:
        raise RequestError(
            f"{card.name}: arch.type: '{kind}' is not spandrel's; {did_you_mean(kind, homes)}{_more_in_extra()}"
        )
    package = importlib.import_module(f"{homes[kind]}.{kind}")
    classes = {
        name: each for name, each in vars(package).items() if isinstance(each, type) and issubclass(each, nn.Module)
    }
    # some packages hold several, under names of their own: KBNet_s, UpCunet4x
    variant = arguments.pop("variant", kind)
    if variant not in classes:
        raise RequestError(
            f"{card.name}: arch.variant: {kind} has no class '{variant}'; say which: variant: "
            f"{did_you_mean(str(variant), classes).removeprefix('known: ')}"
        )
    found = classes[variant]
    core = construct(found, arguments, card)
    told = _told_by_its_keys(core)
    if told is not None:
        # the checkpoint is still to be loaded, if there is one
        return replace(_built(told, core, card), loaded=False)
    scale = next((arguments[key] for key in ("upscale", "scale") if key in arguments), None)
    return Built(core, scale=scale, multiple=window_of(found, arguments))


def _told_by_its_keys(core: nn.Module) -> ImageModelDescriptor[Any] | None:
    """What spandrel knows of a network's needs: it is recognised by its own keys, as a checkpoint of it would be."""
    try:
        found = ModelLoader().load_from_state_dict(dict(core.state_dict()))
    except Exception:  # some sizes cannot be read off the keys
        return None
    return found if isinstance(found, ImageModelDescriptor) and type(found.model) is type(core) else None


def _recognised(card: ModelCard, states: States) -> Built:
    rivals = [
        state for state in states if state.rank == states[0].rank and state.tensors.keys() == states[0].tensors.keys()
    ]
    if len(rivals) > 1:
        names = [state.name for state in rivals]
        raise RequestError(
            f"{card.name}: the checkpoint holds several networks ({', '.join(names)}); say which: "
            f"`weights_key: {names[0]}` in the card or study, --weights-key {names[0]} of a command"
        )
    found: ModelDescriptor[Any] | None = None
    taken = states[0]
    reason = ""
    _homes()
    candidates = list(_candidates(states))
    for candidate, entries in _forms(candidates):
        try:
            found = ModelLoader().load_from_state_dict(dict(entries))
        except UnsupportedModelError:
            continue
        except Exception as error:  # detection reads shapes off keys and may stumble anywhere on a damaged state dict
            reason = reason or message_of(error)[:300]
        else:
            taken = candidate
            break
    if found is None and reason:
        raise RequestError(f"{card.name}: spandrel cannot build this checkpoint: {reason}")
    if found is None:
        raise RequestError(
            f"{card.name}: spandrel recognises no architecture in this checkpoint; name one in a card "
            f"(provider l2xbench, basicsr or module){_more_in_extra()}"
        )
    if not isinstance(found, ImageModelDescriptor):
        raise RequestError(f"{card.name}: {found.architecture.name} takes a mask besides the image")
    takes, gives = found.input_channels, found.output_channels
    grey = (takes, gives) == (1, 1)
    if not grey and (takes, gives) not in ((3, 3), (3 + len(card.extra_channels), 3)):
        raise RequestError(
            f"{card.name}: {found.architecture.name} is no RGB image-to-image network ({takes} -> {gives} channels); "
            "channels of the input beyond RGB are said in a card: `extra_channels`"
        )
    rivals = [each for each in candidates if each is not taken and each.tensors.keys() >= taken.tensors.keys()]
    is_chosen = any(not same_numbers(taken.tensors, each.tensors) for each in rivals)
    return replace(_built(found, found.model, card), weights_key=taken.name if is_chosen else None)


def _built(found: ImageModelDescriptor[Any], core: nn.Module, card: ModelCard) -> Built:
    """A network with the needs that spandrel knows of it."""
    needs = found.size_requirements
    # some are called in a way of their own: DRUNet gets a noise level, unless the card gives another, and FBCNN gives
    # its estimate of one too
    plain = bool(card.extra_channels) or found._call_fn.__module__ == ImageModelDescriptor.__module__
    grey = (found.input_channels, found.output_channels) == (1, 1)
    return Built(
        core if plain else _Called(core, found._call_fn),
        scale=found.scale,
        multiple=needs.multiple_of,
        minimum=max(1, needs.minimum),
        square=needs.square,
        loaded=True,
        channels="y" if grey else None,
    )


def _candidates(states: States) -> Iterator[StateDict]:
    """What may be the weights, the likeliest first: each state dict as it is, then what its keys' prefixes part."""
    for state in states:
        parts = [state.under(prefix) for prefix in state.prefixes(max(1, len(state.tensors) // 3))]
        yield from (each for each in [parts[0], *sorted(parts[1:], key=lambda part: part.rank)] if not each.in_order)


def _forms(candidates: Sequence[StateDict]) -> Iterator[tuple[StateDict, Mapping[str, Any]]]:
    """Each candidate with all that stands in it, then with its tensors alone.

    Spandrel looks at entries that are no tensors, too: Real-CUGAN's `pro` decides the input's range. Others, such as
    the epoch, it takes for keys of the network.
    """
    yield from ((each, each.entries) for each in candidates)
    yield from ((each, each.tensors) for each in candidates)


class _Called(nn.Module):
    """A network of spandrel's with the call that spandrel makes of it, of one image: DRUNet's noise map is for one."""

    def __init__(self, model: nn.Module, call: Callable[[nn.Module, Tensor], Tensor]) -> None:
        super().__init__()
        self.model = model
        self._call = call

    def forward(self, image: Tensor) -> Tensor:
        if len(image) == 1:
            return self._call(self.model, image)
        return torch.cat([self._call(self.model, each) for each in image.split(1)])

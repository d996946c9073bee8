"""From a name to a network."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

import torch
from torch import Tensor, nn

from l2xbench.errors import RequestError
from l2xbench.resources import cache_folder
from l2xbench.zoo import checkpoints
from l2xbench.zoo.cards import ModelCard, WeightsSource, find_card
from l2xbench.zoo.dialects import to_native
from l2xbench.zoo.network import Network
from l2xbench.zoo.providers import Built

RANDOM = "random"
_PROVIDERS = {"l2xbench": "own", "basicsr": "basicsr", "spandrel": "spandrel", "module": "module"}


def load_model(
    name: str | Path | ModelCard,
    weights: Mapping[str, Tensor] | str | Path | None = None,
    *,
    device: str | torch.device = "cpu",
    trust: bool = False,
) -> Network:
    """A network that takes LR images in [0, 1] of any size.

    Args:
        name: a card's name (`edsr`), a card's YAML, or a checkpoint file, whose architecture spandrel recognises.
        weights: a state dict or a checkpoint file in the authors' key names, instead of the card's own; `"random"`
            for the architecture's initial weights.
        device: where to put it.
        trust: whether a card may run a Python class of the user's (`provider: module`).

    Returns:
        (N, 3, H, W) in [0, 1] -> (N, 3, sH, sW), in evaluation mode, with `scale`, `name` and `card`.

    Raises:
        RequestError: unknown name, missing or unfitting weights, or code that is not trusted.

    Example:
        >>> import torch, l2xbench
        >>> net = l2xbench.load_model("carn", weights="random")
        >>> net(torch.rand(1, 3, 8, 9)).shape
        torch.Size([1, 3, 32, 36])
    """
    card = name if isinstance(name, ModelCard) else _card_of(str(name))
    if card.provider == "module" and not trust:
        raise RequestError(
            f"{card.name}: provider 'module' runs Python code ({card.module}); say trust: true in the study "
            "(trust=True in Python) if you wrote or read it"
        )
    state_dict, source, described = _weights(card, weights)
    built = _build(card, state_dict)
    if state_dict is not None and not built.loaded:
        arch_type = str(card.arch.get("type", ""))
        state_dict = to_native(arch_type, state_dict, card.arch) if card.provider != "module" else state_dict
        checkpoints.load_strictly(built.core, state_dict, source=source, what=f"{card.title} (card {card.name})")
    scale = card.scale or built.scale
    if scale is None:
        raise RequestError(f"{card.name}: scale: cannot be read off the architecture; give it in the card")
    network = Network(
        built.core,
        card,
        scale=scale,
        weights=described,
        multiple=max(card.multiple, built.multiple),
        minimum=built.minimum,
        square=built.square,
    )
    return network.to(device).eval()


def identity(network: Network) -> str:
    """SHA-256 over everything of a network that decides its outputs: card, weights, and code of a user's class."""
    total = hashlib.sha256()
    decisive = network.card.model_dump(include={"provider", "arch", "module", "scale", "input_range", "multiple"})
    total.update(repr(sorted(decisive.items())).encode())
    total.update(checkpoints.digest(network.core).encode())
    if network.card.provider == "module":
        total.update(_source_of(network.core))
    return total.hexdigest()


def _source_of(core: nn.Module) -> bytes:
    file = getattr(import_module(type(core).__module__), "__file__", None)
    return Path(file).read_bytes() if file else b""


def _card_of(name: str) -> ModelCard:
    path = Path(name).expanduser()
    if path.suffix.lower() in checkpoints.SUFFIXES:
        return ModelCard(
            name=path.stem,
            title=path.stem,
            provider="spandrel",
            weights=WeightsSource(file=str(path.absolute())),
        )
    return find_card(name)


def _build(card: ModelCard, state_dict: Mapping[str, Tensor] | None) -> Built:
    provider = import_module(f"l2xbench.zoo.providers.{_PROVIDERS[card.provider]}")
    built = provider.build(card, state_dict)
    assert isinstance(built, Built)
    return built


def _weights(
    card: ModelCard, weights: Mapping[str, Tensor] | str | Path | None
) -> tuple[dict[str, Tensor] | None, str, str]:
    """The state dict to load (None: initial weights), the source for errors, and the weights in words."""
    if isinstance(weights, Mapping):
        return checkpoints.unwrap(weights, "the given weights"), "the given weights", "given"
    if weights == RANDOM:
        return None, RANDOM, RANDOM
    if weights is not None:
        given = Path(weights).expanduser()
        return checkpoints.read_checkpoint(given), str(given), str(given)
    path = present_weights(card)
    if path is None:
        if card.provider == "module":
            return None, RANDOM, "as constructed"  # a class of the user's may carry its own weights
        raise RequestError(f"{card.name}: no weights here; {how_to_get(card)}")
    return checkpoints.read_checkpoint(path), str(path), path.name


def present_weights(card: ModelCard) -> Path | None:
    """The card's checkpoint file, beside the card or in the cache folder; None where it is in neither."""
    own = card.weights_path
    if own is not None:
        if not own.is_file():
            raise RequestError(f"{card.name}: weights.file: no such file: {own}")
        return own
    name = cached_name(card)
    if name is not None:
        cached = cache_folder() / "checkpoints" / name
        if cached.is_file():
            return cached
    return None


def cached_name(card: ModelCard) -> str | None:
    """How the card's checkpoint is called in the cache folder."""
    if card.weights is None:
        return None
    if card.weights.filename:
        return card.weights.filename
    return card.weights.url.rsplit("/", 1)[-1] if card.weights.url else None


def how_to_get(card: ModelCard) -> str:
    """The end of an error line: how a card's missing weights are had."""
    name = cached_name(card)
    if card.weights and card.weights.url:
        return f"get them with: l2xbench fetch {card.name} (or give weights: PATH, or weights: random)"
    if card.weights and card.weights.page and name:
        folder = cache_folder() / "checkpoints"
        return f"download {name} from {card.weights.page} into {folder} (or give weights: PATH, or weights: random)"
    return "give weights: PATH, or weights: random"

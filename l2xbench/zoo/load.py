"""From a name to a network."""

from __future__ import annotations

import hashlib
import json
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from l2xbench.errors import RequestError
from l2xbench.system.compat import import_torchvision
from l2xbench.validation import NAME
from l2xbench.zoo import checkpoints
from l2xbench.zoo.cards import ModelCard, WeightsSource, changed, find_card
from l2xbench.zoo.dialects import mean_colour, to_native
from l2xbench.zoo.digests import digest
from l2xbench.zoo.fitting import best_fit, load_strictly
from l2xbench.zoo.network import Network, own_precision
from l2xbench.zoo.providers import Built
from l2xbench.zoo.published import is_published_as, published_card, sha256_of
from l2xbench.zoo.states import StateDict, named_state, states_in
from l2xbench.zoo.weights import how_to_get, present_weights

RANDOM = "random"
_PROVIDERS = {"l2xbench": "own", "basicsr": "basicsr", "spandrel": "spandrel", "module": "module"}


class NoWeights(RequestError):
    """A card whose checkpoint is not here; the message says how it is had."""

    def __init__(self, card: ModelCard) -> None:
        super().__init__(f"{card.name}: no weights here; {how_to_get(card)}")
        self.card = card


@dataclass(frozen=True)
class Source:
    """A network not yet built: what it is and where its weights are."""

    card: ModelCard
    weights: Mapping[str, Any] | Path | None
    """A state dict, a mapping that holds some, a file, or None for the architecture's own initial weights."""
    seed: int = 0
    """Decides the initial weights."""

    @property
    def described(self) -> str:
        """The weights in words, as tables name them."""
        if self.weights is None:
            if self.card.parameters == 0:
                return "none"
            # a class of the user's may carry weights of its own
            return "as constructed" if self.card.provider == "module" else RANDOM
        name = self.weights.name if isinstance(self.weights, Path) else "given"
        return named_weights(name, self.card.weights_key)

    @property
    def is_published(self) -> bool:
        """Whether the weights are a checkpoint that a network's authors published, by the hash that this card gives or
        a bundled one; the file's name and how it was given do not count.
        """
        if not isinstance(self.weights, Path):
            return False
        return is_published_as(sha256_of(self.weights), self.card) or published_card(self.weights) is not None

    def identity(self, *, trust: bool = False) -> str:
        """SHA-256 over everything that decides the network's outputs: card, weights, and the code it comes from.

        Nothing is built for it, so a finished study is recognised in no time; code of the user's is imported, to
        find which files that reads.

        Args:
            trust: whether the card may run a Python class of the user's (`provider: module`).

        Raises:
            RequestError: it is such a card, and not trusted.
        """
        card = self.card
        require_trust(card, trust)
        total = hashlib.sha256()
        total.update(json.dumps(card.decisive, sort_keys=True, default=str).encode())
        if card.provider in ("basicsr", "spandrel"):
            total.update(_version(card.provider).encode())
        if card.provider == "spandrel":
            total.update(_version("spandrel_extra_arches").encode())  # further architectures, where it is installed
        if card.provider == "module":
            total.update(_code_of(card).encode())
        if isinstance(self.weights, Path):
            total.update(sha256_of(self.weights).encode())
        elif self.weights is None:
            total.update(f"random {self.seed} {torch.__version__}".encode())
        else:
            total.update(digest(self.weights).encode())
        return total.hexdigest()


def load_model(
    name: str | Path | ModelCard,
    weights: Mapping[str, Any] | str | Path | None = None,
    *,
    device: str | torch.device = "cpu",
    trust: bool = False,
    seed: int = 0,
    **keys: Any,
) -> Network:
    """A network that takes LR images in [0, 1] of any size.

    Args:
        name: a card's name (`edsr`), a card's YAML, a checkpoint file (that of a card, by its SHA-256, or one whose
            architecture spandrel recognises), or with `trust` a class, `package.module:Class` or `file.py:Class`.
        weights: a state dict or a checkpoint file in the authors' key names, instead of the card's own; `"random"`
            for the architecture's initial weights.
        device: where to put it.
        trust: whether a card may run a Python class of the user's (`provider: module`).
        seed: decides the initial weights where there are no others.
        **keys: of the card, to be said or changed here: `output`, `inputs`, `channels`, `weights_key`, `scale`, ...

    Returns:
        (N, 3, H, W) in [0, 1] -> (N, 3, sH, sW), in evaluation mode, with `scale`, `name` and `card`.

    Raises:
        RequestError: unknown name, missing or unfitting weights, or code that is not trusted.

    Examples:
        >>> import torch, l2xbench
        >>> net = l2xbench.load_model("carn", weights="random")
        >>> net(torch.rand(1, 3, 8, 9)).shape
        torch.Size([1, 3, 32, 36])
    """
    return build(locate(name, weights, seed=seed, keys=keys), device=device, trust=trust)


def locate(
    name: str | Path | ModelCard,
    weights: Mapping[str, Any] | str | Path | None = None,
    *,
    seed: int = 0,
    keys: Mapping[str, Any] | None = None,
) -> Source:
    """Finds the card and the weights of a network without building it; arguments and errors as in `load_model`."""
    card = name if isinstance(name, ModelCard) else _card_of(str(name))
    said = dict(keys or {})
    # a path alone is what `weights` takes too: it starts where the user is, not where the card lies
    path = said.pop("weights") if isinstance(said.get("weights"), str) else None
    weights = path if weights is None else weights
    if said:
        card = changed(card, said)
    if isinstance(weights, Mapping):
        states_in(weights, "the given weights")
        return Source(card, weights, seed)
    if weights == RANDOM:
        return Source(card, None, seed)
    if weights is not None:
        path = Path(weights).expanduser()
        checkpoints.require_file(path)
        return Source(card, path, seed)
    present = present_weights(card)
    if present is None and card.provider != "module" and card.parameters != 0:
        raise NoWeights(card)
    return Source(card, present, seed)


def short_names(models: Sequence[str]) -> dict[str, str]:
    """Name -> network, fit for a file's name: the card's or the checkpoint's, told apart where two are alike.

    `name=network` gives the name.

    Examples:
        >>> short_names(["edsr", "runs/best.pth", "dat=./DAT_light_x4.pth"])
        {'edsr': 'edsr', 'best': 'runs/best.pth', 'dat': './DAT_light_x4.pth'}
    """
    named: dict[str, str] = {}
    for given in models:
        own, model = _own_name(given)
        stem = _stem(model) if own is None else own
        number, name = 1, stem
        while name in named:
            number += 1
            name = f"{stem}-{number}"
        named[name] = model
    return named


def _own_name(given: str) -> tuple[str | None, str]:
    """`name=network` parted; no name where the text is a file's path as it stands (`lr=0.1/best.pth`)."""
    name, equals, network = given.partition("=")
    if not equals or not network or not re.fullmatch(NAME, name) or Path(given).expanduser().is_file():
        return None, given
    return name, network


def told_apart(named: Mapping[str, str]) -> str:
    """Which network is which, of those that `short_names` had to tell apart; empty where there are none.

    Examples:
        >>> told_apart(short_names(["a/net.yaml", "b/net.yaml", "edsr"]))
        'net is a/net.yaml, net-2 is b/net.yaml'
    """
    stems = {name: _stem(model) for name, model in named.items()}
    of_stem = {name: stem for name, stem in stems.items() if re.fullmatch(rf"{re.escape(stem)}(-\d+)?", name)}
    alike = [name for name, stem in of_stem.items() if list(of_stem.values()).count(stem) > 1 and named[name] != stem]
    return ", ".join(f"{name} is {named[name]}" for name in alike)


def _stem(model: str) -> str:
    found = model.rpartition(":")[2]
    if ":" in model and found.isidentifier():
        return found
    return Path(model).stem if "/" in model or Path(model).suffix else model


def require_trust(card: ModelCard, trust: bool) -> None:
    """Raises a RequestError where a card names Python code to be run and nobody has said that it may be."""
    if card.provider == "module" and not trust:
        raise RequestError(
            f"{card.name}: provider 'module' runs Python code ({card.module}); if you wrote or read it, say so: "
            "trust: true in a study, --trust on the command line, trust=True in Python"
        )


def build(source: Source, *, device: str | torch.device = "cpu", trust: bool = False) -> Network:
    """The network that `source` describes; errors as in `load_model`."""
    card = source.card
    require_trust(card, trust)
    weights = source.weights
    where = str(weights) if isinstance(weights, Path) else f"the {source.described} weights"
    states: list[StateDict] | None = None
    if weights is not None:
        states = states_in(checkpoints.read_checkpoint(weights) if isinstance(weights, Path) else weights, where)
        if card.weights_key is not None:
            states = [named_state(states, card.weights_key, where)]
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        for old in ("torch.meshgrid", "`torch.jit.script` is deprecated"):  # libraries', nothing a user could mend
            warnings.filterwarnings("ignore", message=old)
        torch.manual_seed(source.seed)
        built = _build(card, states)
    taken = built.weights_key
    if states is not None and not built.loaded:
        taken = _load(built.core, card, states, where)
    taken = None if card.weights_key is not None else taken  # a choice that was made is said already
    if own_precision(built.core) in (torch.float16, torch.bfloat16):
        built.core.float()  # exact, and CPUs lack half-precision forms of many operations
    network = Network(
        built.core,
        card,
        scale=card.scale or built.scale,
        weights=named_weights(source.described, taken),
        weights_key=taken,
        multiple=max(card.multiple, built.multiple),
        minimum=built.minimum,
        square=built.square,
        channels=built.channels or card.channels,
    )
    return network.to(device).eval()


def named_weights(weights: str, key: str | None) -> str:
    """Weights in words, and which of a file's several they are.

    Examples:
        >>> named_weights("net.pth", "params_ema")
        'net.pth (params_ema)'
    """
    return f"{weights} ({key})" if key else weights


def _load(core: torch.nn.Module, card: ModelCard, states: Sequence[StateDict], where: str) -> str | None:
    """Copies a checkpoint's weights into the architecture; the name of those taken, if there was a choice."""
    kind = str(card.arch.get("type", ""))
    arch = {"scale": card.scale, **card.arch}
    fit = best_fit(core, states, lambda tensors: to_native(kind, tensors, arch), where)
    own = core.state_dict()
    if any(
        isinstance(value, Tensor) and value.dtype == torch.float64 and own[key].dtype == torch.float32
        for key, value in fit.native.items()
        if isinstance(own.get(key), Tensor)
    ):
        core.double()  # so that no digit of the weights is lost
    load_strictly(core, fit.native, source=where, what=f"{card.title} (card {card.name})")
    mean = mean_colour(kind, fit.raw.tensors, card.arch)
    if mean is not None:
        core.mean = mean  # a plain attribute of BasicSR's networks
    return fit.raw.name if fit.is_chosen else None


def _card_of(name: str) -> ModelCard:
    path = Path(name).expanduser()
    if path.suffix.lower() in checkpoints.SUFFIXES:
        checkpoints.require_file(path)
        stem = path.stem.removesuffix(".pth")  # of best.pth.tar
        weights = WeightsSource(file=str(path.absolute()))
        known = _published(path)
        if known is not None:
            return known.model_copy(update={"weights": weights})
        return ModelCard(name=stem, title=stem, provider="spandrel", weights=weights)
    _, colon, found = name.rpartition(":")
    if colon and found.isidentifier():
        return ModelCard(name=found, title=found, provider="module", module=name, folder=str(Path.cwd()))
    return find_card(name)


def _published(path: Path) -> ModelCard | None:
    """The card of a published checkpoint; None also for a file that cannot be read, which its reader tells."""
    try:
        return published_card(path)
    except OSError:
        return None


def _build(card: ModelCard, states: Sequence[StateDict] | None) -> Built:
    if card.provider == "spandrel":
        import_torchvision()  # spandrel imports it too: before that, as we mend it
    provider = import_module(f"l2xbench.zoo.providers.{_PROVIDERS[card.provider]}")
    built = provider.build(card, states)
    assert isinstance(built, Built)
    return built


def _version(library: str) -> str:
    """A library's version; `none` where it is not installed, whose architectures then come from elsewhere."""
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return "none"


def _code_of(card: ModelCard) -> str:
    """What the files of the user's hold that importing a card's class reads: helper modules, and what those read.

    They are found by importing it. One that cannot be imported has what its file holds; building it says why.
    """
    from l2xbench.zoo.providers.module import files_of

    try:
        return " ".join(files_of(card).values())
    except RequestError:
        path = Path(card.folder, (card.module or "").rpartition(":")[0]).expanduser()
        return path.read_text(errors="replace") if path.is_file() else ""

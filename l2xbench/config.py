"""A study as typed data: YAML in, errors that name the key out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, TypeVar

import yaml
from pydantic import AfterValidator, BeforeValidator, Field, PrivateAttr, field_validator, model_validator

from l2xbench.errors import RequestError, did_you_mean, nearest
from l2xbench.resources import configs_folder
from l2xbench.validation import NAME, Strict, parse, parse_yaml, read_yaml

INTERPOLATION = "bicubic"
"""The card of the interpolation that networks are measured against, and its name in every study."""
INPUT = "input"
"""What it is called at scale 1, where it returns the image as it is."""

Options = TypeVar("Options", bound="Block")
Config = TypeVar("Config", bound="StudyConfig")

_CARD_KEYS = {"provider", "arch", "module", "input_range", "multiple"}


def _file_name(name: str) -> str:
    # names become folders and file names in the results
    if not re.fullmatch(NAME, name):
        raise ValueError(
            "this name is refused, since files are called by it: a name has at most 64 letters, digits, '.', '_', '+' "
            "or '-', and starts with a letter or digit"
        )
    return name


Name = Annotated[str, AfterValidator(_file_name)]


class ModelEntry(Strict):
    """A network of a study: a card's name or file, or a card written in place; and which weights."""

    card: str | None = None
    """A card's name, a card's YAML, or a checkpoint file."""
    weights: str | None = None
    """A checkpoint file, or `random`; the card's own by default."""
    inline: dict[str, Any] | None = None
    """A whole card written in the study (provider, arch, ...)."""
    output: int | str | None = Field(default=None, union_mode="smart")
    """Which of the network's several outputs is the SR image: a position, a key or an attribute."""
    inputs: dict[str, Any] | None = None
    """Arguments that the network takes besides the image, by name."""
    weights_key: str | None = None
    """Which of the weights that the checkpoint holds; by default averaged ones before raw ones."""

    channels: Literal["y", "rgb"] | None = None
    """`y`: the network takes and gives the Y channel alone."""
    extra_channels: list[float] | None = None
    """What the channels of its input beyond RGB hold, a constant each."""
    enlarged: bool | None = None
    """Whether it takes an image that bicubic interpolation has enlarged before."""
    scale: int | None = Field(default=None, ge=1, le=16)
    """SR size over LR size, of a card whose checkpoint has several (`carn-m`)."""
    multiple: int | None = Field(default=None, ge=1)
    """Height and width are padded to a multiple of this."""
    input_range: Literal[1, 255] | None = None
    """The range in which the network itself takes its input."""

    @property
    def said(self) -> dict[str, Any]:
        """The card's keys that the study says anew."""
        return self.model_dump(exclude={"card", "weights", "inline"}, exclude_none=True)


def _model_entry(value: Any) -> Any:
    if isinstance(value, str):
        return {"card": value}
    if isinstance(value, dict) and "card" not in value and _CARD_KEYS & value.keys():
        card = dict(value)
        weights = card.pop("weights", None)
        if isinstance(weights, dict):
            return {"inline": {**card, "weights": weights}}
        return {"inline": card, "weights": weights}
    if isinstance(value, dict) and "card" not in value:
        raise ValueError(
            "a network needs 'card' (a card's name, its YAML or a checkpoint file) or 'provider' and 'arch'"
        )
    return value


class DatasetEntry(Strict):
    """A dataset of a study."""

    path: str
    """A folder, the name of a known set (`Urban100`), or `skimage` for the photographs inside scikit-image."""
    kind: Literal["auto", "hr", "lr"] = "auto"
    """What a plain folder of images holds; `auto` takes them for HR images."""
    images: int | list[str] | None = Field(default=None, union_mode="smart")
    """The first so many images, or these; all by default."""
    lr: Literal["auto", "matlab", "pillow"] = "auto"
    """How LR is made from HR: `auto` takes the LR files, and MATLAB's bicubic where there are none; `matlab` and
    `pillow` make it with either's bicubic, whatever LR files there are. LAM's published figures are of `pillow`."""
    crop: int | None = Field(default=None, ge=8)
    """Take the centre of each image: at most this many LR pixels on a side."""

    @field_validator("images")
    @classmethod
    def _some_images(cls, images: int | list[str] | None) -> int | list[str] | None:
        if images == [] or (isinstance(images, int) and images < 1):
            raise ValueError("at least one image is needed")
        return images


class DegradeOptions(Strict):
    """How LR images are spoiled, in this order: blurred, made noisy, compressed; then they are 8-bit images again."""

    blur: float | None = Field(default=None, gt=0, le=50)
    """The deviation of a Gaussian, in LR pixels."""
    noise: float | None = Field(default=None, gt=0, le=255)
    """The deviation of white Gaussian noise, in grey levels of 255; drawn anew for each image, by its name."""
    jpeg: int | None = Field(default=None, ge=1, le=100)
    """The quality of a JPEG file, as libjpeg counts it."""

    @model_validator(mode="after")
    def _something(self) -> DegradeOptions:
        if self.blur is None and self.noise is None and self.jpeg is None:
            raise ValueError("blur, noise or jpeg is needed, for example {noise: 25}")
        return self


def _dataset_entry(value: Any) -> Any:
    return {"path": value} if isinstance(value, str) else value


def one_or_more(value: Any) -> Any:
    """One name stands for a list of it."""
    return [value] if isinstance(value, str) else value


def each_once(values: list[Any]) -> list[Any]:
    """A list without repetitions, in its order."""
    return list(dict.fromkeys(values))


def _sorted(values: list[Any]) -> list[Any]:
    return sorted(set(values))


class Block(Strict):
    """The options of a study: a block of the YAML under `key`. Every field has a docstring and a default."""

    key: ClassVar[str]
    absent: ClassVar[Literal["off", "on", "always on"]] = "off"
    """What holds where the YAML has no such block; null switches off all that is not always on."""


class StudyConfig(Strict):
    """What every study's YAML says. The blocks of the studies are fields too, which `l2xbench.studies.reading` adds."""

    study: Name
    """Its name, and its folder under `results/`."""
    title: str | None = None
    """What the page and figures call it; its name by default."""
    scale: int = Field(default=4, ge=1, le=8)
    """How many times larger SR is than LR, on each side; 1 for denoising, deblurring and the like."""
    degrade: DegradeOptions | None = None
    """What is done to LR where it is made from HR: `{noise: 25}`. At scale 1 a set of HR images alone needs it."""
    device: str = Field(default="auto", pattern=r"^(auto|cpu|cuda(:\d+)?|mps)$")
    """Where networks run; `auto` is the first GPU, else the CPU."""
    seed: int = Field(default=0, ge=0, lt=2**63)
    """The seed of everything that is drawn at random."""
    threads: int | None = Field(default=None, ge=1)
    """CPU threads of a worker, by default 1; sums in more may round otherwise."""
    engine: Literal["local", "ray"] = "local"
    """Where units run: on this machine, or on a Ray cluster."""
    workers: int | None = Field(default=None, ge=1)
    """Processes at work at a time, each on one image and network; by default one a GPU, or one a CPU core where
    memory allows.

    No number in a table depends on it.
    """
    ray_address: str = "auto"
    """Where the cluster's head is, `host:port`; `auto`: this machine's cluster; `local`: one for this run."""
    inference: Annotated[
        list[Literal["autocast", "channels_last", "compile", "inference_mode"]],
        BeforeValidator(one_or_more),
        AfterValidator(_sorted),
    ] = Field(default_factory=list)
    """Quicker passes for restoration and ablation, never for maps: taken for a network only where the first image's
    PSNR stays within 0.001 dB and its SSIM within 0.0001; the results say where not."""
    trust: bool = False
    """Whether networks of provider `module` may run the Python they name."""
    models: dict[Name, Annotated[ModelEntry, BeforeValidator(_model_entry)]] = Field(min_length=1)
    """The networks, each under a name of its own."""
    datasets: dict[Name, Annotated[DatasetEntry, BeforeValidator(_dataset_entry)]] = Field(min_length=1)
    """The images, each set under a name of its own."""

    @model_validator(mode="after")
    def _interpolation_is_ours(self) -> StudyConfig:
        if self.interpolation in self.models:
            taken = self.interpolation
            raise ValueError(f"models: '{taken}' is in every study already; give this network another name")
        return self

    _file: str = PrivateAttr(default="")

    @contextmanager
    def named_by_file(self) -> Iterator[None]:
        """Puts the study's file before what is said to be wrong with one of its keys, where it was read from a file."""
        try:
            yield
        except RequestError as error:
            key = re.match(r"[a-z_]+(?=[.:])", str(error))
            if not self._file or key is None or key[0] not in type(self).model_fields:
                raise
            raise RequestError(f"{self._file}: {error}") from error

    @property
    def interpolation(self) -> str:
        """The network that every study has besides its own: nothing is learned, and nothing explained."""
        return INPUT if self.scale == 1 else INTERPOLATION

    def block(self, kind: type[Options]) -> Options | None:
        """The options of a study, None where it is off."""
        found = getattr(self, kind.key, None)
        assert found is None or isinstance(found, kind)
        return found

    def with_block(self: Config, options: Block) -> Config:
        """The same study with other options of one block."""
        return self.model_copy(update={options.key: options})


def find_study(name: str) -> Path:
    """The file of a study: a path, or a bundled study's name (`demo`, `configs/demo.yaml`).

    Raises:
        RequestError: there is no such file; the nearest bundled name is given.
    """
    path = Path(name).expanduser()
    if path.is_file():
        return path
    bundled = {file.stem: file for file in sorted(configs_folder().glob("*.yaml"))}
    # the README's commands name configs/x.yaml, which an installed wheel has no checkout for
    if path.stem in bundled and str(path) in (path.stem, path.name, f"configs/{path.stem}.yaml"):
        return bundled[path.stem]
    raise RequestError(f"{name}: no such study file; {_of_bundled(path.stem, bundled)}")


def _of_bundled(name: str, bundled: Mapping[str, Path]) -> str:
    near = nearest(name, bundled)
    guess = f"did you mean '{near}'? " if near else ""
    return f"{guess}bundled: {', '.join(bundled)}"


def read_config(
    kind: type[Config], name: str, overrides: Mapping[str, Any] | None = None, models: Sequence[str] | None = None
) -> Config:
    """The study in a YAML file, with flags on top; relative paths in it start at its own folder.

    Args:
        kind: the model with the blocks that the file may have.
        name: a path, or the name of a bundled study.
        overrides: dotted key -> value, e.g. `{"attribution.reference": "mean"}`; these win over the file.
        models: keep only these of the study's networks, in this order.

    Raises:
        RequestError: what is wrong, by file and key.
    """
    path = find_study(name)
    data = read_yaml(path)
    for key, value in (overrides or {}).items():
        _set(data, key, value)
    study = rooted(parse(kind, data, str(path)), path.parent)
    study._file = str(path)
    if models is None:
        return study
    unknown = [model for model in models if model not in study.models]
    if unknown:
        raise RequestError(f"--models: '{unknown[0]}' is not in {path}; {did_you_mean(unknown[0], study.models)}")
    return study.model_copy(update={"models": {model: study.models[model] for model in models}})


def rooted(study: Config, folder: Path) -> Config:
    """The same study with the relative paths of its networks and datasets starting at `folder`."""
    folder = folder.absolute()
    models = {key: _rooted_model(entry, folder) for key, entry in study.models.items()}
    datasets = {key: _rooted_dataset(entry, folder) for key, entry in study.datasets.items()}
    return study.model_copy(update={"models": models, "datasets": datasets})


def parse_assignment(text: str, flag: str = "--set", example: str = "attribution.reference=mean") -> tuple[str, Any]:
    """`attribution.reference=mean`, the text of a flag, as a key and a YAML value.

    Raises:
        RequestError: it has no `=`, or the value is not YAML.
    """
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise RequestError(f"{flag} {text}: needed KEY=VALUE, for example {flag} {example}")
    try:
        return key.strip(), parse_yaml(value)
    except (yaml.YAMLError, ValueError, RecursionError):
        raise RequestError(f"{flag} {text}: '{value}' is not a YAML value") from None


def _set(data: dict[str, Any], key: str, value: Any) -> None:
    *parents, last = key.split(".")
    for parent in parents:
        data = data.setdefault(parent, {})
        if not isinstance(data, dict):
            raise RequestError(f"--set {key}: '{parent}' is not a block in the study")
    data[last] = value


def _rooted_model(entry: ModelEntry, folder: Path) -> ModelEntry:
    update: dict[str, Any] = {}
    if entry.card is not None and ("/" in entry.card or Path(entry.card).suffix):
        update["card"] = _rooted(entry.card, folder)
    if entry.weights is not None and entry.weights != "random":
        update["weights"] = _rooted(entry.weights, folder)
    if entry.inline is not None:
        update["inline"] = {**entry.inline, "folder": str(folder)}
    return entry.model_copy(update=update)


def _rooted_dataset(entry: DatasetEntry, folder: Path) -> DatasetEntry:
    # a bare name is a known set or `skimage`; a folder in the study's own folder is written ./name
    if "/" not in entry.path:
        return entry
    return entry.model_copy(update={"path": _rooted(entry.path, folder)})


def _rooted(path: str, folder: Path) -> str:
    expanded = Path(path).expanduser()
    return str(expanded if expanded.is_absolute() else (folder / expanded).resolve())

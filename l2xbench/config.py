"""A study as typed data: YAML in, errors that name the key out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, BeforeValidator, Field, field_validator

from l2xbench.errors import RequestError, did_you_mean
from l2xbench.resources import configs_folder
from l2xbench.studies.ablation.ratios import parse_ratios
from l2xbench.validation import Strict, parse, read_yaml

_CARD_KEYS = {"provider", "arch", "module", "input_range", "multiple"}


def _file_name(name: str) -> str:
    # names become folders and file names in the results
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}", name):
        raise ValueError(
            "a name of letters, digits, '.', '_', '+' or '-', at most 64, that starts with a letter or digit"
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
    crop: int | None = Field(default=None, ge=8)
    """Take the centre of each image: at most this many LR pixels on a side."""

    @field_validator("images")
    @classmethod
    def _some_images(cls, images: int | list[str] | None) -> int | list[str] | None:
        if images == [] or (isinstance(images, int) and images < 1):
            raise ValueError("at least one image is needed")
        return images


def _dataset_entry(value: Any) -> Any:
    return {"path": value} if isinstance(value, str) else value


class RestorationOptions(Strict):
    """The paper's Table 1."""

    colour: Literal["y", "rgb"] = "y"
    """PSNR and SSIM on the Y channel, as SR papers report them, or on RGB."""
    border: int | None = Field(default=None, ge=0)
    """HR pixels left out at each border; the scale by default."""


class AttributionOptions(Strict):
    """How maps are made."""

    methods: list[str] = Field(default=["l2x"], min_length=1)
    options: dict[str, dict[str, int | float | bool]] = Field(default_factory=dict)
    """Method -> its own options: `{integrated_gradients: {steps: 20}}`."""
    reference: str = "blur"
    target: str = "image"
    strict: bool = False
    """Refuse operations that the engine has no exact rule for."""
    precision: Literal["auto", "float32", "float64"] = "auto"
    """Of the computation: `auto` is float32, and float64 for `l2x` of a single output or a small patch."""


def _ratios(value: Any) -> Any:
    if isinstance(value, str):
        return parse_ratios(value)
    return [value] if isinstance(value, (int, float)) and not isinstance(value, bool) else value


def _one_or_more(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _sorted(values: list[Any]) -> list[Any]:
    return sorted(set(values))


def _each_once(values: list[Any]) -> list[Any]:
    return list(dict.fromkeys(values))


Methods = Annotated[list[str], BeforeValidator(_one_or_more), AfterValidator(_each_once)]


class AblationOptions(Strict):
    """The paper's Fig. 3(a): features are masked in a map's order, and PSNR and SSIM watched."""

    ratios: Annotated[list[Annotated[float, Field(gt=0, lt=1)]], BeforeValidator(_ratios)] = Field(
        default=parse_ratios("0.05:0.4"), min_length=1
    )
    """The shares of the features that are masked; `0.05:0.4` steps by 0.05, `0.1:0.4:0.1` by 0.1."""
    methods: Methods = Field(default_factory=list)
    """Whose maps give the order; those of the attribution block by default."""
    controls: Annotated[list[Literal["difference", "random"]], BeforeValidator(_one_or_more)] = Field(
        default=["difference", "random"]
    )
    """Orders that know nothing of the network, which a faithful map has to beat."""
    granularity: Annotated[
        list[Literal["pixel", "element"]], BeforeValidator(_one_or_more), AfterValidator(_each_once)
    ] = Field(default=["pixel"], min_length=1)
    """A feature is a position with all its channels, or one channel of it."""
    order: Annotated[
        list[Literal["descending", "absolute", "ascending"]], BeforeValidator(_one_or_more), AfterValidator(_each_once)
    ] = Field(default=["descending"], min_length=1)
    """By the signed attribution, the largest first (the paper's); by its absolute value; the smallest first."""
    replacement: Literal["mean", "reference", "black"] = "mean"
    """What a masked feature becomes: its channel's mean over the image (the paper's), the reference, or 0."""
    random_orders: int = Field(default=3, ge=1)
    """How many random orders the control takes."""

    @field_validator("ratios")
    @classmethod
    def _ascending(cls, ratios: list[float]) -> list[float]:
        return sorted(set(ratios))


class RandomisationOptions(Strict):
    """Does a map depend on what the network has learned? (Adebayo et al., 2018.)"""

    methods: Methods = Field(default_factory=list)
    """Those of the attribution block and the control `difference` by default."""
    depths: list[Annotated[float, Field(gt=0, le=1)]] = Field(default=[0.25, 0.5, 1.0], min_length=1)
    """Shares of the layers that are drawn anew, from the output down."""


class SensitivityOptions(Strict):
    """Sensitivity-n (Ancona et al., 2018): do a map's sums over random features follow the objective?"""

    methods: Methods = Field(default_factory=list)
    """Those of the attribution block and the control `difference` by default."""
    granularity: Literal["pixel", "element"] = "pixel"
    sizes: int = Field(default=8, ge=2)
    """How many n, in a geometric series from 1 to all features."""
    subsets: int = Field(default=20, ge=3)
    """Random subsets for each n."""


def _box(text: str) -> str:
    if text != "auto" and not re.fullmatch(r"\d+,\d+,\d+,\d+", text):
        raise ValueError("auto, or y,x,h,w in SR pixels, for example 60,80,48,48")
    return text


Box = Annotated[str, AfterValidator(_box)]


class HeatmapOptions(Strict):
    """The paper's Fig. 2."""

    palette: Literal["green-red", "blue-orange"] = "green-red"
    """`blue-orange` is for readers who cannot tell green from red."""
    zoom: Box | dict[str, Box] | None = "auto"
    """The part that HR and SR show enlarged: `y,x,h,w` in SR pixels, one for each image by name, or `auto`, where the
    networks differ most; null shows the whole image."""


class SimilarityOptions(Strict):
    """The paper's Fig. 3(b): CKA of the networks' attributions of the same LR crops."""

    size: int = Field(default=32, ge=8)
    """LR pixels on a side of a crop."""
    crops: int = Field(default=8, ge=1)
    """Of each image, at places that the image's name and the seed decide."""
    signs: Literal["positive", "signed", "negative", "absolute"] = "positive"
    """Which attributions count; `positive`, the paper's, sets the others to zero."""
    estimator: Literal["biased", "unbiased"] = "biased"
    """Of HSIC: the paper's, or the one that is 0 for unrelated networks however few the crops."""
    method: str = "l2x"
    reference: str | None = None
    """`attribution.reference` by default."""
    target: str = "image"
    """In the SR pixels of a crop."""
    resample: Literal["images", "crops"] = "images"
    """What the test and the interval take for independent; crops where there are fewer than 8 images."""
    permutations: int = Field(default=999, ge=0)
    bootstrap: int = Field(default=1000, ge=0)
    confidence: float = Field(default=0.95, gt=0.5, lt=1)
    order: Literal["study", "clustered"] = "study"
    """Of the networks in the figure."""


class Study(Strict):
    """What `l2xbench run` reads."""

    study: Name
    """Its name, and its folder under `results/`."""
    title: str | None = None
    scale: int = Field(default=4, ge=2, le=8)
    device: str = Field(default="auto", pattern=r"^(auto|cpu|cuda(:\d+)?|mps)$")
    seed: int = Field(default=0, ge=0)
    threads: int | None = Field(default=None, ge=1)
    """CPU threads of a worker; by default those that the results folder began with, or else by measurement."""
    engine: Literal["local", "ray"] = "local"
    """Where units run: on this machine, or on a Ray cluster."""
    workers: int | None = Field(default=None, ge=1)
    """Networks at work at a time; by default one a GPU, on CPUs by measurement (`local`) or one a CPU (`ray`)."""
    ray_address: str = "auto"
    """Of the cluster's head, `host:port`; `auto`: the one that this machine is part of; `local`: one for this run."""
    inference: Annotated[
        list[Literal["autocast", "channels_last", "compile", "inference_mode"]],
        BeforeValidator(_one_or_more),
        AfterValidator(_sorted),
    ] = Field(default_factory=list)
    """Quicker passes for restoration and ablation, never for maps: taken for a network only where the first image's
    PSNR stays within 0.001 dB and its SSIM within 0.0001; the results say where not."""
    trust: bool = False
    """Whether networks of provider `module` may run the Python they name."""
    models: dict[Name, Annotated[ModelEntry, BeforeValidator(_model_entry)]] = Field(min_length=1)
    datasets: dict[Name, Annotated[DatasetEntry, BeforeValidator(_dataset_entry)]] = Field(min_length=1)
    restoration: RestorationOptions = RestorationOptions()
    attribution: AttributionOptions | None = AttributionOptions()
    """None: no maps are made."""
    heatmaps: HeatmapOptions | None = HeatmapOptions()
    """None: none are drawn."""
    ablation: AblationOptions | None = None
    """None: no maps are put to the test by `run`; `ablate` then takes the defaults."""
    similarity: SimilarityOptions | None = None
    """None: the networks' maps are not compared."""
    randomisation: RandomisationOptions | None = None
    sensitivity: SensitivityOptions | None = None

    @field_validator("models")
    @classmethod
    def _bicubic_is_ours(cls, models: dict[str, ModelEntry]) -> dict[str, ModelEntry]:
        if "bicubic" in models:
            raise ValueError("'bicubic' is in every study already; give this network another name")
        return models


def explained_methods(study: Study) -> list[str]:
    """Every method whose maps the study needs: the attribution block's, then what only its tests ask for."""
    if study.attribution is None:
        return []
    tested = [method for method in ablated_methods(study) if method != "random"]
    for options in (study.randomisation, study.sensitivity):
        tested += tested_methods(study, options)
    return list(dict.fromkeys([*study.attribution.methods, *tested]))


def tested_methods(study: Study, options: RandomisationOptions | SensitivityOptions | None) -> list[str]:
    """The methods of a test of maps: its own list, or the attribution block's and the control `difference`."""
    if options is None or study.attribution is None:
        return []
    return options.methods or list(dict.fromkeys([*study.attribution.methods, "difference"]))


def ablated_methods(study: Study) -> list[str]:
    """The methods of the ablation, controls last; `random` stands for random orders."""
    if study.ablation is None or study.attribution is None:
        return []
    methods = study.ablation.methods or study.attribution.methods
    controls = study.ablation.controls
    return [*(m for m in methods if m not in controls), *controls]


def for_ablation(study: Study) -> Study:
    """The study as far as its ablation goes, with the defaults where it has no such block: no map more than that."""
    update: dict[str, Any] = {
        "ablation": study.ablation or AblationOptions(),
        "randomisation": None,
        "sensitivity": None,
    }
    study = study.model_copy(update=update)
    if study.attribution is None:
        return study
    methods = [method for method in ablated_methods(study) if method != "random"]
    return study.model_copy(update={"attribution": study.attribution.model_copy(update={"methods": methods})})


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
    raise RequestError(f"{name}: no such study file; bundled: {', '.join(bundled)}; {did_you_mean(path.stem, bundled)}")


def read_study(name: str, overrides: Mapping[str, Any] | None = None, models: Sequence[str] | None = None) -> Study:
    """The study in a YAML file, with flags on top; relative paths in it start at its own folder.

    Args:
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
    study = parse(Study, data, str(path))
    folder = path.parent.absolute()
    entries = {key: _rooted_model(entry, folder) for key, entry in study.models.items()}
    if models is not None:
        unknown = [model for model in models if model not in entries]
        if unknown:
            raise RequestError(f"--models: '{unknown[0]}' is not in {path}; {did_you_mean(unknown[0], entries)}")
        entries = {model: entries[model] for model in models}
    datasets = {key: _rooted_dataset(entry, folder) for key, entry in study.datasets.items()}
    return study.model_copy(update={"models": entries, "datasets": datasets})


def parse_assignment(text: str) -> tuple[str, Any]:
    """`attribution.reference=mean` as a key and a YAML value.

    Raises:
        RequestError: it has no `=`, or the value is not YAML.
    """
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise RequestError(f"--set {text}: needed KEY=VALUE, for example --set attribution.reference=mean")
    try:
        return key.strip(), yaml.safe_load(value)
    except yaml.YAMLError:
        raise RequestError(f"--set {text}: '{value}' is not a YAML value") from None


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

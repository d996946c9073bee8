"""Studies that a command line says whole: networks, one dataset and one block."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from l2xbench.config import StudyConfig
from l2xbench.data.known_sets import name_of_folder
from l2xbench.errors import RequestError
from l2xbench.studies.reading import parse_study
from l2xbench.zoo.load import RANDOM, locate, short_names

USUAL_SCALE = 4
_FLAGS = ("weights", "weights_key", "inputs", "channels", "extra_channels", "output")
"""Keys of a network that have a flag of their own."""


@dataclass(frozen=True)
class DatasetRequest:
    """What the command line says, besides the block."""

    dataset: str
    models: list[str]
    images: int | None = None
    crop: int | None = None
    scale: int | None = None
    degrade: Mapping[str, Any] | None = None
    device: str | None = None
    seed: int | None = None
    trust: bool = False
    keys: Mapping[str, Any] = field(default_factory=dict)
    needs_hr: bool = False
    """At scale 1 images are what networks take, unless the study measures against HR: then `degrade` is needed."""


def dataset_study(
    name: str, title: str, request: DatasetRequest, block: Mapping[str, Any], out: Path | None
) -> tuple[StudyConfig, Path]:
    """The study of one block, and its results folder.

    Args:
        name: of the block and the command.
        title: of the page, before the dataset's name.
        request: what the command line says.
        block: the block; keys that are None have their defaults.
        out: the results folder that was asked for.

    Raises:
        RequestError: a network, dataset or option is wrong.
    """
    scale = request.scale or scale_of(request.models, request.keys)
    as_they_are = scale == 1 and not request.degrade and not request.needs_hr
    dataset, entry = dataset_block(request.dataset, request.images, as_they_are=as_they_are)
    if request.crop is not None:
        entry["crop"] = request.crop
    study = quick_study(
        name,
        f"{title} on {dataset}",
        request.models,
        {dataset: entry},
        {name: {key: value for key, value in block.items() if value is not None}},
        scale=scale,
        degrade=request.degrade,
        device=request.device,
        seed=request.seed,
        trust=request.trust,
        keys=request.keys,
    )
    return study, out or Path("results", name, dataset)


def quick_study(
    name: str,
    title: str,
    models: Sequence[str],
    datasets: Mapping[str, Any],
    blocks: Mapping[str, Any],
    *,
    scale: int,
    degrade: Mapping[str, Any] | None = None,
    device: str | None,
    seed: int | None,
    trust: bool,
    keys: Mapping[str, Any] | None = None,
) -> StudyConfig:
    """A study of these networks and blocks, without maps besides.

    Args:
        name: what errors call it.
        title: of the page.
        models: cards, card YAMLs, checkpoint files or classes.
        datasets: as a study's YAML has them.
        blocks: likewise.
        scale: of the networks.
        degrade: how LR images that are made are spoiled, as a study's YAML has it.
        device: where they run.
        seed: of what is drawn at random.
        trust: whether networks may run Python of the user's.
        keys: of the networks' cards, said anew.

    Raises:
        RequestError: a network or an option is wrong.
    """
    study = {
        "study": name,
        "title": title,
        "scale": scale,
        "degrade": degrade or None,
        "device": device or "auto",
        "seed": seed or 0,
        "trust": trust,
        "models": {short: {"card": model, **(keys or {})} for short, model in short_names(models).items()},
        "datasets": datasets,
        "attribution": None,
        "heatmaps": None,
        **blocks,
    }
    try:
        return parse_study(study, name)
    except RequestError as error:
        raise RequestError(in_flags(str(error).removeprefix(f"{name}: "), name)) from None


def in_flags(message: str, name: str) -> str:
    """An error line about a study that a command has made, with flags in the place of keys that nobody wrote.

    Args:
        message: names keys of the study: `erf.size`, `datasets.mine: path`, `models.net.multiple`.
        name: of the block, and of the command.

    Examples:
        >>> in_flags("lam.width: found 'colum', allowed: auto, column, page", "lam")
        "--width: found 'colum', allowed: auto, column, page"
        >>> in_flags("datasets.mine: path: 'mine' is not in /data", "erf")
        "'mine' is not in /data"
        >>> in_flags("models.net.multiple: found 'a'; models.net: give weights: PATH", "erf")
        "--card multiple: found 'a'; --models net: give --weights PATH"
    """
    for key, flag in (
        (r"^datasets\.[^:]+?\.(images|crop): ", r"--\1: "),
        (r"^datasets\.[^:]+: (?:path: |dataset '[^']+': (?:path: )?)?", ""),
        (rf"\bmodels\.[^:;]+\.({'|'.join(_FLAGS)}): ", lambda found: f"--{found[1].replace('_', '-')}: "),
        (r"\bmodels\.[^:;]+\.([a-z_]+): ", r"--card \1: "),
        (r"\bmodels\.([^:;]+): ", r"--models \1: "),
        (rf"\b{name}\.cases(?:\[\d+\]\.window)?", "--window"),
        (rf"\b{name}\.places\.([a-z]+)", r"--\1"),
        (rf"\b{name}\.places(?: as \[\[x, y\], \.\.\.\])?", "--at"),
        (rf"\b{name}\.([a-z_]+)(?:\[\d+\])?", r"--\1"),
        (r"\bweights: (PATH|random)", r"--weights \1"),
        (r"`degrade` in the study, for example degrade: \{noise: 25\}", "--degrade noise=25"),
        (r"^degrade\.([a-z]+): ", r"--degrade \1: "),
    ):
        message = re.sub(key, flag, message)
    return message


def dataset_block(dataset: str, images: int | None, *, as_they_are: bool) -> tuple[str, dict[str, Any]]:
    """A dataset as a study's YAML has it, from a folder, a known set's name or `skimage`; and a name for it.

    Args:
        dataset: what the command line says.
        images: the first so many; all where it is None.
        as_they_are: the images are what networks take, of which no LR is made: those of a plain folder at scale 1.

    Raises:
        RequestError: it is a file.
    """
    folder = Path(dataset).expanduser()
    if folder.is_file():
        raise RequestError(f"{dataset}: this is a file; a folder of images is needed")
    there = folder.is_dir() or "/" in dataset
    entry: dict[str, Any] = {"path": str(folder.resolve()) if there else dataset}
    if images is not None:
        entry["images"] = images
    if as_they_are and (there or dataset == "skimage"):
        entry["kind"] = "lr"
    return name_of_folder(folder.resolve()) if there else dataset, entry


def scale_of(models: Sequence[str], keys: Mapping[str, Any] | None = None) -> int:
    """The scale of the first network whose card says one; 4, that of most papers, where none does.

    Args:
        models: as the command line says them.
        keys: of their cards, said anew.

    Raises:
        RequestError: there is no such network, or no such key.
    """
    # which weights there are is not asked for here
    cards = [locate(model, RANDOM, keys=keys).card for model in short_names(models).values()]
    return next((card.scale for card in cards if card.scale is not None), USUAL_SCALE)

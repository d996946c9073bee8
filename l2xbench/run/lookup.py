"""The networks and images that a study names: each found, or said to be missing with how it is had."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from l2xbench.config import DatasetEntry, ModelEntry, StudyConfig
from l2xbench.data.datasets import Dataset, open_dataset
from l2xbench.data.degradations import Harm
from l2xbench.data.known_sets import KNOWN_SETS, KnownSet, find_set
from l2xbench.errors import RequestError, did_you_mean
from l2xbench.fetch.catalogue import Checkpoint, Item, TestSet
from l2xbench.fetch.download import DownloadProgress
from l2xbench.fetch.sets import by_hand, datasets_folder, files_of
from l2xbench.fetch.transfer import DownloadError
from l2xbench.words import words
from l2xbench.zoo.cards import ModelCard, make_card
from l2xbench.zoo.load import RANDOM, NoWeights, Source, locate
from l2xbench.zoo.weights import is_fetchable


class Missing(RequestError):
    """Something that a study names, that is not here and can be fetched."""

    def __init__(self, key: str, item: Item, message: str, otherwise: str) -> None:
        """For one key of a study.

        Args:
            key: the study's key that asks for it: `models.edsr`.
            item: what can be fetched.
            message: what to say where it isn't fetched.
            otherwise: what else a user can do, as the end of a line.
        """
        super().__init__(f"{key}: {message}")
        self.key = key
        self.item = item
        self._otherwise = otherwise

    def fetch(self, progress: DownloadProgress) -> None:
        """Downloads it, unless somebody else has meanwhile.

        Raises:
            RequestError: it cannot be had; the line says what would mend it.
        """
        try:
            self.item.fetch(progress)
        except DownloadError as error:
            raise RequestError(
                f"{self.key}: {self.item.what} is not here and cannot be downloaded ({error}); run "
                f"`l2xbench fetch {self.item.name.lower()}` where there is a network, or {self._otherwise}"
            ) from None
        except RequestError as error:
            raise RequestError(f"{self.key}: {error}") from None


class Unusable(RequestError):
    """A network whose files are missing or wrong; the study's other networks can be run without it."""


class Incomplete(RequestError):
    """A study that can be carried out once what is missing has been fetched."""

    def __init__(self, missing: Sequence[Missing]) -> None:
        super().__init__(str(missing[0]))
        self.missing = tuple(missing)


def find_model(name: str, entry: ModelEntry, study: StudyConfig) -> Source:
    """The card and weights of a study's network.

    Raises:
        Missing: its checkpoint is not here and can be fetched.
        Unusable: a file that the study names for it is missing or wrong.
        RequestError: there is no such network, or it is not for this study; by key.
    """
    key = f"models.{name}"
    card = _card(key, name, entry)
    if card.scale is not None and card.scale != study.scale:
        raise RequestError(f"{key}: the card is for scale {card.scale}, the study's scale is {study.scale}")
    if card.provider == "module" and not study.trust:
        raise RequestError(f"{key}: module: '{card.module}' is Python code to be run; say trust: true if you trust it")
    try:
        return locate(card, entry.weights, seed=study.seed)
    except NoWeights as absent:
        if is_fetchable(card):
            raise Missing(key, Checkpoint(card), str(absent), "give weights: PATH (or weights: random)") from None
        raise Unusable(f"{key}: {absent}") from None
    except RequestError as error:
        raise Unusable(f"{key}: {error}") from None


def _card(key: str, name: str, entry: ModelEntry) -> ModelCard:
    """The card of a study's network, whether or not its weights are here."""
    wrong = RequestError
    try:
        if entry.inline is not None:
            folder = Path(entry.inline["folder"])
            return make_card({"name": name, **entry.inline}, source=key, folder=folder)
        assert entry.card is not None
        wrong = Unusable if "/" in entry.card else RequestError
        return locate(entry.card, RANDOM, keys=entry.said).card
    except RequestError as error:
        raise wrong(str(error) if str(error).startswith(key) else f"{key}: {error}") from None


def find_dataset(name: str, entry: DatasetEntry, study: StudyConfig, data_root: Path | None) -> Dataset:
    """The images of a study's dataset.

    Args:
        name: the study's name for it.
        entry: what the study says of it.
        study: gives the scale.
        data_root: where known sets lie that the study names without a path; a set there is taken as it is.

    Raises:
        Missing: it is a known set of which something is not here, and can be fetched.
        RequestError: there is no such dataset, or it has no image of a name; by key.
    """
    key = f"datasets.{name}"
    try:
        root = _root(key, entry, study.scale, data_root)
        dataset = open_dataset(name, root, study.scale, entry.images, kind=entry.kind, lr=entry.lr, harm=_harm(study))
    except Missing:
        raise
    except RequestError as error:
        raise RequestError(f"{key}: {str(error).removeprefix(f'dataset {name!r}: ')}") from None
    if entry.crop is None:
        return dataset
    cropped = f"centre crops of at most {entry.crop} x {entry.crop} {words(study.scale).lr} pixels"
    return replace(dataset, note=f"{dataset.note}; {cropped}" if dataset.note else cropped)


def _harm(study: StudyConfig) -> Harm | None:
    """What the study says is done to LR images that are made."""
    return None if study.degrade is None else Harm(**study.degrade.model_dump(), seed=study.seed)


def _root(key: str, entry: DatasetEntry, scale: int, data_root: Path | None) -> str | Path:
    """Where a dataset lies: as written, or, for a known set's bare name, under the data root or in the cache."""
    path = entry.path
    if "/" in path or path == "skimage":
        return path
    known = find_set(path)
    names = dict.fromkeys([path, known.name] if known else [path])
    homes = [*([data_root] if data_root else []), datasets_folder()]
    here = next((home / each for home in homes for each in names if (home / each).is_dir()), None)
    if known is not None and here in (None, datasets_folder() / known.name):
        missing = _missing(known, scale, entry.images)
        if missing is not None:
            looked = " and ".join(str(home) for home in homes)
            raise Missing(
                key,
                missing,
                f"path: '{path}' is not in {looked}; get it with `l2xbench fetch {known.name.lower()}`, "
                "or name the folder it lies in with --data-root",
                "name the folder it lies in with --data-root",
            )
    if here is None:
        raise RequestError(f"path: '{path}' is not in {' and '.join(map(str, homes))}{_instead(path, known, scale)}")
    return here


def _missing(known: KnownSet, scale: int, images: list[str] | int | None) -> Item | None:
    """What is to be fetched of a known set; None where nothing is, or nothing can be."""
    if scale not in known.scales:
        return None
    item = TestSet(known, scale, tuple(images) if isinstance(images, list) else images)
    return None if item.state() == "present" else item


def _instead(path: str, known: KnownSet | None, scale: int) -> str:
    """The end of the line for a set that cannot be fetched."""
    if known is None:
        near = did_you_mean(path, [each.name for each in KNOWN_SETS])
        return f", and no set of this name is known ({near}); a folder is written with a '/': ./{path}"
    if known.fetchable:
        try:
            files_of(known, scale)
        except RequestError as error:
            return f"; {error}; or name the folder it lies in with --data-root"
    return f"; {by_hand(known)}"

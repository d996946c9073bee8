"""What a study needs that is not here, fetched before it is planned."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from l2xbench.config import DatasetEntry, ModelEntry, Study
from l2xbench.errors import RequestError
from l2xbench.fetch.catalogue import Checkpoint, Item, TestSet
from l2xbench.fetch.download import Progress
from l2xbench.fetch.sets import find_set
from l2xbench.fetch.transfer import DownloadError
from l2xbench.zoo.cards import find_card, make_card
from l2xbench.zoo.weights import State, state


@dataclass(frozen=True)
class Need:
    """Something absent, and the study's key that asks for it."""

    key: str
    item: Item
    otherwise: str
    """What else a user can do, as the end of a line."""

    def fetch(self, progress: Progress) -> None:
        """Downloads it.

        Raises:
            RequestError: it cannot be had; the line says what would mend it.
        """
        try:
            self.item.fetch(progress)
        except DownloadError as error:
            raise RequestError(
                f"{self.key}: {self.item.what} is not here and cannot be downloaded ({error}); run "
                f"`l2xbench fetch {self.item.name.lower()}` where there is a network, or {self.otherwise}"
            ) from None
        except RequestError as error:
            raise RequestError(f"{self.key}: {error}") from None


def study_needs(study: Study, data_root: Path | None = None) -> list[Need]:
    """The checkpoints and sets of a study that are absent and can be fetched.

    What cannot be fetched, or is wrong, is left for the plan to tell. A set under `data_root` is taken as it is.
    """
    models = (_model_need(name, entry) for name, entry in study.models.items())
    datasets = (_dataset_need(name, entry, study.scale, data_root) for name, entry in study.datasets.items())
    return [need for need in (*models, *datasets) if need is not None]


def _model_need(name: str, entry: ModelEntry) -> Need | None:
    if entry.weights is not None:
        return None
    try:
        if entry.inline is not None:
            folder = Path(entry.inline["folder"])
            card = make_card({"name": name, **entry.inline}, source=f"models.{name}", folder=folder)
        else:
            card = find_card(entry.card or "")
    except RequestError:
        return None
    if state(card) is not State.TO_FETCH:
        return None
    return Need(f"models.{name}", Checkpoint(card), "give weights: PATH (or weights: random)")


def _dataset_need(name: str, entry: DatasetEntry, scale: int, data_root: Path | None) -> Need | None:
    known = find_set(entry.path)
    if "/" in entry.path or known is None or scale not in known.scales:
        return None
    if data_root is not None and any((data_root / each).is_dir() for each in (entry.path, known.name)):
        return None
    images = tuple(entry.images) if isinstance(entry.images, list) else entry.images
    item = TestSet(known, scale, images)
    try:
        if item.state() == "present":
            return None
    except RequestError as error:
        raise RequestError(f"datasets.{name}: {error}") from None
    return Need(f"datasets.{name}", item, "name the folder it lies in with --data-root")

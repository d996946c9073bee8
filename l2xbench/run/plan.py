"""A study into the units of work it owes, with everything looked up and nothing yet run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path

from l2xbench.config import INTERPOLATION, StudyConfig
from l2xbench.data.datasets import Dataset
from l2xbench.errors import RequestError
from l2xbench.run.lookup import Incomplete, Missing, Unusable, find_dataset, find_model
from l2xbench.store.units import Unit
from l2xbench.studies.owed import is_for, owed_units, placed, with_others
from l2xbench.studies.registry import all_studies, study_named
from l2xbench.studies.study import SizesOfImages
from l2xbench.zoo.cards import ModelCard, find_card
from l2xbench.zoo.load import Source, locate


@dataclass(frozen=True)
class PlannedModel:
    """A network of the plan under the study's own name."""

    name: str
    source: Source


@dataclass(frozen=True)
class Plan:
    """A study with its networks and images found."""

    study: StudyConfig
    models: tuple[PlannedModel, ...]
    """The interpolation first, if it is of any use, then the study's networks in its order."""
    datasets: tuple[Dataset, ...]
    out: Path
    wanted: str | None = None
    """The one study of networks that is carried out, with what it needs; all by default."""
    unusable: Mapping[str, str] = field(default_factory=dict)
    """Network -> why it is left out: a file of it is missing or wrong."""
    told_by: Mapping[str, str] = field(default_factory=dict)
    """Dataset -> what its images are told by, once they have been read; see `studies.owed.told_together`."""

    @property
    def networks(self) -> tuple[PlannedModel, ...]:
        """Those that the study names: all but the interpolation."""
        return tuple(model for model in self.models if model.name in self.study.models)

    def crop(self, dataset: Dataset) -> int | None:
        """The LR crop of a dataset's images, in pixels."""
        return self.study.datasets[dataset.name].crop

    def image_groups(self, dataset: Dataset) -> list[Unit]:
        """What is owed for each image of a dataset alone: units of no image yet, see `Unit.at`."""
        return self._groups_of("", dataset)

    def model_groups(self, model: PlannedModel, dataset: Dataset) -> list[Unit]:
        """What is owed for each image of a dataset and a network: units of no image yet, in the order of their work."""
        return self._groups_of(model.name, dataset)

    def groups(self) -> Iterator[tuple[Unit, Dataset]]:
        """All groups of units that differ by the image alone, in the order in which they run."""
        for dataset in self.datasets:
            for unit in self.image_groups(dataset):
                yield unit, dataset
        for model in self.models:
            for dataset in self.datasets:
                for unit in self.model_groups(model, dataset):
                    yield unit, dataset

    def only(self, wanted: str) -> Plan:
        """The part of the plan that is for one study of networks; the inputs stay."""
        models = self.models if study_named(wanted).of_interpolation else self.networks
        return replace(self, models=models, wanted=wanted)

    @cached_property
    def _owed(self) -> list[Unit]:
        return owed_units(self.study, self.wanted)

    def _groups_of(self, model: str, dataset: Dataset) -> list[Unit]:
        told_by = self.told_by.get(dataset.name, "")
        return [
            with_others(placed(unit, dataset.name, "", model), told_by)
            for unit in self._owed
            if is_for(unit, self.study, dataset.name, model)
        ]


def make_plan(study: StudyConfig, out: Path, data_root: Path | None = None) -> Plan:
    """Looks up every card, checkpoint and dataset of a study.

    Args:
        study: what is asked for.
        out: the results folder.
        data_root: where known sets lie that the study names without a path.

    Raises:
        Incomplete: what is missing can be fetched.
        RequestError: a network or dataset is not there, no network is usable, or a study's options are refused, by
            key.
    """
    # those that start from others' units first, so that the key is told which asks for them
    for each in reversed(all_studies()):
        each.check(study)
    models = [PlannedModel(study.interpolation, locate(_interpolation_card(study)))]
    datasets: list[Dataset] = []
    missing: list[Missing] = []
    unusable: dict[str, str] = {}
    for name, model in study.models.items():
        try:
            models.append(PlannedModel(name, find_model(name, model, study)))
        except Missing as absent:
            missing.append(absent)
        except Unusable as error:
            unusable[name] = str(error).removeprefix(f"models.{name}: ")
    if len(unusable) == len(study.models):
        raise no_network(unusable)
    for name, entry in study.datasets.items():
        try:
            datasets.append(find_dataset(name, entry, study, data_root))
        except Missing as absent:
            missing.append(absent)
    if missing:
        raise Incomplete(missing)
    sizes = cache(lambda: _sizes(study, datasets))
    for each in all_studies():
        each.check_sizes(study, sizes)
    return Plan(study, tuple(models), tuple(datasets), out, unusable=unusable)


def _sizes(study: StudyConfig, datasets: Sequence[Dataset]) -> SizesOfImages:
    """Dataset -> image -> height and width of LR; without the images whose files cannot be read."""
    found: dict[str, dict[str, tuple[int, int]]] = {}
    for dataset in datasets:
        crop = study.datasets[dataset.name].crop
        sizes = {pair.name: pair.lr_size(study.scale, crop) for pair in dataset.pairs}
        found[dataset.name] = {name: size for name, size in sizes.items() if size is not None}
    return found


def no_network(reasons: Mapping[str, str]) -> RequestError:
    """For a study of which no network can be used.

    Args:
        reasons: of each network, by its name in the study.
    """
    return RequestError("; ".join(f"models.{name}: {reason}" for name, reason in reasons.items()))


def _interpolation_card(study: StudyConfig) -> ModelCard:
    card = find_card(INTERPOLATION)
    if study.scale == 1:
        card = card.model_copy(update={"title": study.interpolation.capitalize()})
    return card.model_copy(update={"scale": study.scale, "arch": {**card.arch, "scale": study.scale}})

"""A study into the units of work it owes, with everything looked up and nothing yet run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, cast

import torch

from l2xbench.attribution.errors import AttributionError
from l2xbench.attribution.methods.registry import get_method
from l2xbench.attribution.references import make_reference, parse_reference
from l2xbench.attribution.targets import parse_target
from l2xbench.config import Study
from l2xbench.data.datasets import Dataset
from l2xbench.errors import RequestError
from l2xbench.run.lookup import Incomplete, Missing, find_dataset, find_model
from l2xbench.store.units import Unit
from l2xbench.zoo.cards import ModelCard, find_card
from l2xbench.zoo.load import Source, locate

if TYPE_CHECKING:
    from l2xbench.store.units import Study as StudyModule

BICUBIC = "bicubic"
STUDIES = ("inputs", "restoration", "attribution", "ablation", "randomisation", "sensitivity", "similarity")
"""In the order in which they run."""
STUDIES_OF = {"ablation": ("restoration", "attribution", "ablation"), "similarity": ("similarity",)}
"""What is run where one study alone is wanted: `restoration` tells what the networks give unmasked."""


@dataclass(frozen=True)
class PlannedModel:
    """A network of the plan under the study's own name."""

    name: str
    source: Source
    studies: tuple[str, ...]
    """Which studies run it: all, but interpolation is not explained."""


@dataclass(frozen=True)
class Plan:
    """A study with its networks and images found."""

    study: Study
    models: tuple[PlannedModel, ...]
    datasets: tuple[Dataset, ...]
    out: Path

    def crop(self, dataset: Dataset) -> int | None:
        """The LR crop of a dataset's images, in pixels."""
        return self.study.datasets[dataset.name].crop

    def image_groups(self, dataset: Dataset) -> list[Unit]:
        """What is owed for each image of a dataset alone: units of no image yet, see `Unit.at`."""
        return units_of(self.study, dataset.name, "")

    def model_groups(self, model: PlannedModel, dataset: Dataset) -> list[Unit]:
        """What is owed for each image of a dataset and a network: units of no image yet, in the order of their work."""
        return units_of(self.study, dataset.name, "", model.name, model.studies)

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
        """The part of the plan that is for one study of networks; the inputs stay, interpolation goes."""
        studies = STUDIES_OF.get(wanted, (wanted,))
        models = [
            replace(model, studies=tuple(name for name in model.studies if name in studies))
            for model in self.models
            if model.name != BICUBIC
        ]
        return replace(self, models=tuple(models))


def units_of(study: Study, dataset: str, image: str, model: str = "", studies: tuple[str, ...] = STUDIES) -> list[Unit]:
    """What is owed for an image and a network, or, without one, for the image alone."""
    found = []
    for module in map(study_module, studies):
        if module.NEEDS_NETWORK is bool(model):
            for label, options in module.variants(study):
                unit = Unit(module.NAME, module.VERSION, dataset, image, model, label, options)
                found.append(replace(unit, needs=_needed(study, module, unit)))
    return found


def _needed(study: Study, module: StudyModule, unit: Unit) -> Unit | None:
    """The unit that this one starts from, if its study says that there is one."""
    wanted = module.needs(unit.options) if hasattr(module, "needs") else None
    if wanted is None:
        return None
    name, label = wanted
    other = study_module(name)
    options = dict(other.variants(study))[label]
    return replace(unit, study=name, version=other.VERSION, label=label, options=options)


def study_module(name: str) -> StudyModule:
    """The module of `studies/` that carries out the study `name`."""
    return cast("StudyModule", import_module(f"l2xbench.studies.{name}.compute"))


def make_plan(study: Study, out: Path, data_root: Path | None = None) -> Plan:
    """Looks up every card, checkpoint and dataset of a study.

    Args:
        study: what is asked for.
        out: the results folder.
        data_root: where known sets lie that the study names without a path.

    Raises:
        Incomplete: what is missing can be fetched.
        RequestError: a network or dataset is not there, by key.
    """
    _check_attribution(study)
    _check_similarity(study)
    models = [PlannedModel(BICUBIC, locate(_bicubic_card(study.scale)), studies=("restoration",))]
    datasets: list[Dataset] = []
    missing: list[Missing] = []
    for name, model in study.models.items():
        try:
            models.append(PlannedModel(name, find_model(name, model, study), STUDIES))
        except Missing as absent:
            missing.append(absent)
    for name, entry in study.datasets.items():
        try:
            datasets.append(find_dataset(name, entry, study, data_root))
        except Missing as absent:
            missing.append(absent)
    if missing:
        raise Incomplete(missing)
    return Plan(study, tuple(models), tuple(datasets), out)


def _check_attribution(study: Study) -> None:
    """Raises a RequestError for a method, target or reference that `explain` does not know, before anything is run."""
    wanted = study.attribution
    tests = {key: getattr(study, key) for key in ("ablation", "randomisation", "sensitivity")}
    tests = {key: options for key, options in tests.items() if options is not None}
    if wanted is None:
        for key in tests:
            raise RequestError(f"{key}: it puts maps to the test, and attribution: null makes none")
        return
    checks: list[tuple[str, Callable[[], object]]] = [
        # first: `ablate` makes the attribution's methods its own
        *(
            (f"{key}.methods", partial(lambda names: [get_method(n) for n in names], tests[key].methods))
            for key in tests
        ),
        ("attribution.methods", lambda: [get_method(name) for name in wanted.methods]),
        ("attribution.options", lambda: [get_method(name).bind(options) for name, options in wanted.options.items()]),
        ("attribution.target", lambda: parse_target(wanted.target)),
        ("attribution.reference", lambda: make_reference(wanted.reference, torch.zeros(1, 3, 8, 8))),
    ]
    for key, check in checks:
        try:
            check()
        except AttributionError as error:
            raise RequestError(f"{key}: {error}") from None


def _check_similarity(study: Study) -> None:
    """Raises a RequestError for what `explain` would refuse for every crop."""
    wanted = study.similarity
    if wanted is None:
        return
    side = wanted.size * study.scale
    reference = wanted.reference
    checks: list[tuple[str, Callable[[], object]]] = [
        ("method", lambda: get_method(wanted.method)),
        ("target", lambda: parse_target(wanted.target).window((1, 3, side, side))),
        ("reference", lambda: None if reference is None else parse_reference(reference)),
    ]
    for key, check in checks:
        try:
            check()
        except AttributionError as error:
            raise RequestError(f"similarity.{key}: {error}") from None


def _bicubic_card(scale: int) -> ModelCard:
    card = find_card(BICUBIC)
    return card.model_copy(update={"scale": scale, "arch": {**card.arch, "scale": scale}})

"""Which units a study's YAML owes for a network and an image."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import replace

from l2xbench.config import StudyConfig
from l2xbench.errors import RequestError
from l2xbench.store.units import Unit
from l2xbench.studies.registry import all_studies, study_named


def is_for(unit: Unit, config: StudyConfig, dataset: str, model: str) -> bool:
    """Whether a unit is owed for a dataset and network of a study; empty where the unit is of an image alone."""
    study = study_named(unit.study)
    fits = study.needs_network is bool(model) and (model != config.interpolation or study.of_interpolation)
    return fits and study.is_owed(unit.options, dataset)


def placed(unit: Unit, dataset: str, image: str, model: str) -> Unit:
    """The same of a dataset, image and network."""
    needs = None if unit.needs is None else placed(unit.needs, dataset, image, model)
    return replace(unit, dataset=dataset, image=image, model=model, needs=needs)


def with_others(unit: Unit, told_by: str) -> Unit:
    """The same, told by all images of its dataset if it looks at others than its own; likewise what it starts from."""
    if unit.needs is not None:
        unit = replace(unit, needs=with_others(unit.needs, told_by))
    looks = study_named(unit.study).looks_at_others(unit.options)
    return replace(unit, others=told_by) if looks else unit


def told_together(digests: Iterable[str]) -> str:
    """What the images of a dataset are told by, whatever their order: 32 hexadecimal digits."""
    return hashlib.sha256(" ".join(sorted(digests)).encode()).hexdigest()[:32]


def owed_units(config: StudyConfig, only: str | None = None) -> list[Unit]:
    """Every unit that each network and image, or each image, owes: without their names, in the order of their work.

    Args:
        config: the study.
        only: the one study that is wanted; the units that it starts from, and what it `runs_with`, are owed too.

    Raises:
        RequestError: a study gives one label twice, or options that are not fit for JSON.
    """
    chosen = None if only is None else {only, *study_named(only).runs_with}
    found: dict[tuple[str, str], Unit] = {}
    needed: dict[tuple[str, str], tuple[str, str]] = {}
    for study in all_studies():
        if chosen is None or study.name in chosen or not study.needs_network:
            for label, options in study.units(config):
                if (study.name, label) in found:
                    raise RequestError(f"the study '{study.name}' gives two units the label '{label}'")
                try:
                    json.dumps(options)
                except (TypeError, ValueError) as error:
                    raise RequestError(f"the study '{study.name}' has options that cannot be kept: {error}") from None
                found[study.name, label] = Unit(study.name, study.version, "", "", "", label, options)
                wanted = study.needs(options)
                if wanted is not None:
                    if study.looks_at_others(options):
                        raise ValueError(f"{study.name} {label} cannot look at other images and need a unit as well")
                    needed[study.name, label] = wanted
    for name, label in needed.values():
        if (name, label) not in found:
            other = study_named(name)
            options = other.options_of(config, label)
            if other.needs(options) is not None:
                raise ValueError(f"{name} {label} cannot be needed: it needs another unit itself")
            found[name, label] = Unit(name, other.version, "", "", "", label, options)
    places = {study.name: place for place, study in enumerate(all_studies())}
    whole = [replace(unit, needs=found[needed[key]]) if key in needed else unit for key, unit in found.items()]
    return sorted(whole, key=lambda unit: places[unit.study])

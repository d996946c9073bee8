"""Which studies there are: the folders beside this file, and those that installed packages announce.

A package announces a study of its own with an entry point of the group `l2xbench.studies`, in its `pyproject.toml`:

    [project.entry-points."l2xbench.studies"]
    brightness = "my_package.brightness:STUDY"
"""

from __future__ import annotations

import pkgutil
import re
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points

import l2xbench.studies
from l2xbench.config import StudyConfig
from l2xbench.errors import RequestError, did_you_mean
from l2xbench.studies.study import Study

GROUP = "l2xbench.studies"
_TAKEN = {"figure", "heatmap", "page", "cka", "shared"}
"""Folders of records that are no study's."""


@cache
def all_studies() -> tuple[Study, ...]:
    """Every study, in the order in which they run and stand on the page.

    Raises:
        RequestError: a package's study cannot be imported, is no study, or has a name or block that is taken.
    """
    found = {study.name: study for study in _bundled()}
    blocks = set(StudyConfig.model_fields)
    for study in found.values():
        blocks |= {block.key for block in study.blocks}
    for entry in sorted(entry_points(group=GROUP), key=lambda one: one.name):
        study = _loaded(entry)
        keys = {block.key for block in study.blocks}
        if study.name in found or study.name in _TAKEN or not re.fullmatch("[a-z][a-z0-9_]*", study.name):
            raise RequestError(f"{_who(entry)}: '{study.name}' cannot be its name: taken, or not lower-case letters")
        if not study.needs_network:
            raise RequestError(f"{_who(entry)}: needs_network: false is for `inputs` alone")
        if keys & blocks:
            raise RequestError(f"{_who(entry)}: its block '{min(keys & blocks)}' is there already")
        found[study.name] = study
        blocks |= keys
    return tuple(sorted(found.values(), key=lambda study: (study.order, study.name)))


def study_named(name: str) -> Study:
    """The study of this name.

    Raises:
        RequestError: there is none.
    """
    studies = {study.name: study for study in all_studies()}
    if name not in studies:
        raise RequestError(f"no study '{name}' is installed; {did_you_mean(name, studies)}")
    return studies[name]


def _bundled() -> list[Study]:
    modules = [import_module(f"{GROUP}.{found.name}") for found in pkgutil.iter_modules(l2xbench.studies.__path__)]
    return [module.STUDY for module in modules if hasattr(module, "STUDY")]


def _loaded(entry: EntryPoint) -> Study:
    try:
        study = entry.load()
    except Exception as error:  # a package may raise anything
        raise RequestError(f"{_who(entry)}: cannot be imported ({type(error).__name__}: {error})") from None
    if not isinstance(study, Study):
        raise RequestError(f"{_who(entry)}: {entry.value} is a {type(study).__name__}, no l2xbench.studies.study.Study")
    return study


def _who(entry: EntryPoint) -> str:
    package = entry.dist.name if entry.dist is not None else "an installed package"
    return f"the study '{entry.name}' of {package}"

"""Which studies there are: the folders beside this file, and those that installed packages announce.

A package announces a study of its own with an entry point of the group `l2xbench.studies`, in its `pyproject.toml`:

    [project.entry-points."l2xbench.studies"]
    brightness = "my_package.brightness:STUDY"
"""

from __future__ import annotations

import itertools
import pkgutil
import re
from collections.abc import Collection, Iterator
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points

import l2xbench.studies
from l2xbench.config import StudyConfig
from l2xbench.errors import RequestError, did_you_mean, reason_of
from l2xbench.studies.study import Study

GROUP = "l2xbench.studies"
_TAKEN = {"figure", "heatmap", "page", "cka", "shared"}
"""Folders of records that are no study's."""


@cache
def all_studies() -> tuple[Study, ...]:
    """Every study, in the order in which they run and stand on the page.

    Raises:
        RequestError: a study cannot be imported, is no study, or lacks a name or block of its own.
    """
    found: dict[str, Study] = {}
    blocks = set(StudyConfig.model_fields)
    for who, study in itertools.chain(_bundled(), _announced()):
        problem = _problem(study, found, blocks)
        if problem:
            raise RequestError(f"{who}: {problem}")
        found[study.name] = study
        blocks |= {block.key for block in study.blocks}
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


def _bundled() -> Iterator[tuple[str, Study]]:
    for found in pkgutil.iter_modules(l2xbench.studies.__path__):
        module = import_module(f"{GROUP}.{found.name}")
        if hasattr(module, "STUDY"):
            yield f"the study in {module.__name__}", module.STUDY


def _announced() -> Iterator[tuple[str, Study]]:
    for entry in sorted(entry_points(group=GROUP), key=lambda one: one.name):
        package = entry.dist.name if entry.dist is not None else "an installed package"
        who = f"the study '{entry.name}' of {package}"
        try:
            study = entry.load()
        except Exception as error:  # a package may raise anything
            raise RequestError(f"{who}: cannot be imported ({reason_of(error)})") from None
        if not isinstance(study, Study):
            told = f"{entry.value} is a {type(study).__name__}, no l2xbench.studies.study.Study"
            raise RequestError(f"{who}: {told}")
        yield who, study


def _problem(study: Study, others: Collection[str], taken: Collection[str]) -> str:
    """Why it cannot stand beside the studies of these names and blocks; empty where it can."""
    name = getattr(study, "name", "")
    if name in others or name in _TAKEN or not re.fullmatch("[a-z][a-z0-9_]*", name):
        return f"'{name}' cannot be its name: taken, or not lower-case letters"
    if not study.needs_network and name != "inputs":
        return "needs_network: false is for `inputs` alone"
    for block in study.blocks:
        if not hasattr(block, "key"):
            return f"its block {block.__name__} has no `key`"
        if block.key in taken:
            return f"its block '{block.key}' is there already"
        required = [field for field, about in block.model_fields.items() if about.is_required()]
        if required:
            return f"its block '{block.key}': '{required[0]}' has no default"
    return ""

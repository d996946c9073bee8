"""The windows in which a study's networks differ most, from their SR images."""

from __future__ import annotations

from collections import defaultdict

from l2xbench.config import StudyConfig
from l2xbench.draw.zoom import differences, strongest_window
from l2xbench.errors import RequestError
from l2xbench.store.records import Record, Records
from l2xbench.store.store import Store
from l2xbench.studies.lam.cases import Case
from l2xbench.studies.lam.options import LamOptions
from l2xbench.words import words


def with_windows_found(config: StudyConfig, records: Records, store: Store) -> StudyConfig:
    """The study with the windows that `lam.cases: auto` means, one an image, those of the largest disagreement.

    Disagreement is the variance of the networks' luma, summed over a window that starts at a whole LR pixel; of one
    network alone, the squared gradient of its luma.

    Args:
        config: the study.
        records: of `restoration`.
        store: where their SR images lie.

    Raises:
        RequestError: no image is as large as a window.
    """
    wanted = config.block(LamOptions)
    assert wanted is not None
    restored: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for record in records.of_studies("restoration"):
        if record.model in config.models:
            restored[record.dataset, record.image].append(record)
    found: dict[str, list[tuple[float, Case]]] = defaultdict(list)
    for (dataset, image), each in restored.items():
        pictures = [store.load_image(record.files["sr"]) for record in each]
        if min(pictures[0].shape[:2]) >= wanted.size:
            y, x, sum_there = strongest_window(differences(pictures), wanted.size, config.scale)
            case = Case(image=image, window=f"{x},{y},{wanted.size}", dataset=dataset)
            found[dataset].append((sum_there, case))
    if not found:
        raise RequestError(f"lam.size: no {words(config.scale).sr} image has {wanted.size} pixels a side")
    cases = []
    for ranked in found.values():
        chosen = sorted(ranked, key=lambda one: -one[0])[: wanted.most]
        cases += [one[1] for one in ranked if one in chosen]
    return config.with_block(wanted.model_copy(update={"cases": cases}))

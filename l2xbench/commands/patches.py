"""`l2xbench context` and `l2xbench reach`: studies of patches of a dataset's images."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from l2xbench.commands.quick import dataset_block, quick_study, scale_of
from l2xbench.config import StudyConfig
from l2xbench.errors import RequestError


@dataclass(frozen=True)
class PatchRequest:
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


def patch_study(
    name: str, title: str, request: PatchRequest, block: Mapping[str, Any], out: Path | None
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
    scale = request.scale or scale_of(request.models)
    dataset, entry = dataset_block(request.dataset, request.images, as_they_are=scale == 1 and not request.degrade)
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


def places_of(at: Sequence[str] | None, count: int | None, by: str | None) -> Any:
    """The key `places` that flags say; None where they say nothing.

    Raises:
        RequestError: `--at` is no X,Y, or stands beside flags for chosen places.
    """
    if not at:
        chosen = {"count": count, "by": by}
        return {key: value for key, value in chosen.items() if value is not None} or None
    if count is not None or by is not None:
        raise RequestError(
            "--at gives the patches; --count and --by are for patches that are chosen: give one of the two"
        )
    for text in at:
        if not re.fullmatch(r"\s*\d+\s*,\s*\d+\s*", text):
            raise RequestError(f"--at {text}: X,Y is needed, left and top of a patch in SR pixels, as --at 120,120")
    return [[int(number) for number in text.split(",")] for text in at]

"""`l2xbench reach`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from l2xbench.cli.flags import (
    At,
    By,
    CardFlags,
    Count,
    Crop,
    Dataset,
    Images,
    QuickFlags,
    QuickModels,
    Scale,
    Size,
    names,
)

EXAMPLE = "l2xbench reach Urban100 --models carn-m,./dat_light_x4.pth --images 8 --crop 64 --methods l2x,lam"


def reach(
    flags: QuickFlags,
    cards: CardFlags,
    dataset: Dataset = "skimage",
    models: QuickModels = "edsr-compact,swin2sr-compact",
    images: Images = None,
    crop: Crop = None,
    methods: Annotated[
        str, typer.Option("--methods", help="Whose maps are measured: l2x,lam.", metavar="NAMES")
    ] = "l2x",
    at: At = None,
    count: Count = None,
    by: By = None,
    size: Size = None,
    scale: Scale = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="The results folder; results/reach/<dataset> by default.")
    ] = None,
) -> None:
    """How far does each network look? Radii and shares of the maps of patches: the figure, and tables/reach."""
    from l2xbench.commands.patches import places_of
    from l2xbench.commands.quick import dataset_study

    block: dict[str, Any] = {
        "places": places_of(at, count, by),
        "size": size,
        "methods": names(methods, "--methods", "l2x,lam"),
    }
    request = flags.request(cards, dataset, models, images=images, crop=crop, scale=scale)
    flags.carry_out(*dataset_study("reach", "Reach", request, block, out))

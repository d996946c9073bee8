"""`l2xbench context`."""

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

EXAMPLE = (
    "l2xbench context Urban100 --models carn-m,edsr-compact --images 8 --crop 64 --methods l2x,integrated_gradients"
)


def context(
    flags: QuickFlags,
    cards: CardFlags,
    dataset: Dataset = "skimage",
    models: QuickModels = "edsr-compact,swin2sr-compact",
    images: Images = None,
    crop: Crop = None,
    methods: Annotated[
        str, typer.Option("--methods", help="Whose maps give the order: l2x,integrated_gradients.", metavar="NAMES")
    ] = "l2x",
    order: Annotated[
        str, typer.Option("--order", help="Of a map: descending (signed), absolute or both.", metavar="NAMES")
    ] = "descending,absolute",
    hidden: Annotated[
        str, typer.Option("--hidden", help="How many LR pixels are hidden.", metavar="N,N,...")
    ] = "4,8,16,32,64,128",
    replacement: Annotated[
        str,
        typer.Option("--replacement", help="What they become: mean, reference, black or road.", metavar="NAME"),
    ] = "mean",
    at: At = None,
    count: Count = None,
    by: By = None,
    size: Size = None,
    scale: Scale = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="The results folder; results/context/<dataset> by default.")
    ] = None,
) -> None:
    """Which context does each network use? LR pixels around patches are hidden in a map's order: figure and tables.

    Beside the maps, orders that know no network: the nearest pixels first, |x - x'|, and random ones.
    """
    from l2xbench.commands.patches import places_of
    from l2xbench.commands.quick import dataset_study

    block: dict[str, Any] = {
        "places": places_of(at, count, by),
        "size": size,
        "methods": names(methods, "--methods", "l2x,lam"),
        "order": names(order, "--order", "descending,absolute"),
        "hidden": hidden,
        "replacement": replacement,
    }
    request = flags.request(cards, dataset, models, images=images, crop=crop, scale=scale)
    flags.carry_out(*dataset_study("context", "Context", request, block, out))

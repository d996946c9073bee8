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
    DataRoot,
    Dataset,
    Degrade,
    Device,
    DryRun,
    Fresh,
    Images,
    QuickModels,
    Scale,
    Seed,
    Size,
    Trust,
    assigned,
    names,
)

EXAMPLE = (
    "l2xbench context Urban100 --models carn-m,edsr-compact --images 8 --crop 64 --methods l2x,integrated_gradients"
)


def context(
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
    degrade: Degrade = None,
    data_root: DataRoot = None,
    device: Device = None,
    seed: Seed = None,
    trust: Trust = False,
    fresh: Fresh = False,
    dry_run: DryRun = False,
) -> None:
    """Which context does each network use? LR pixels around patches are hidden in a map's order: figure and tables.

    Beside the maps, orders that know no network: the nearest pixels first, |x - x'|, and random ones.
    """
    from l2xbench.commands.patches import PatchRequest, patch_study, places_of
    from l2xbench.commands.run import How, run_study

    block: dict[str, Any] = {
        "places": places_of(at, count, by),
        "size": size,
        "methods": names(methods, "--methods", "l2x,lam"),
        "order": names(order, "--order", "descending,absolute"),
        "hidden": hidden,
        "replacement": replacement,
    }
    request = PatchRequest(
        dataset=dataset,
        models=names(models) or [],
        images=images,
        crop=crop,
        scale=scale,
        degrade=assigned(degrade, "--degrade", "noise=25"),
        device=device,
        seed=seed,
        trust=trust,
        keys=cards.said(),
    )
    study, folder = patch_study("context", "Context", request, block, out)
    raise typer.Exit(run_study(study, folder, How(data_root, dry_run, fresh), only="context"))

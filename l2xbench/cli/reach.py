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

EXAMPLE = "l2xbench reach Urban100 --models carn-m,./dat_light_x4.pth --images 8 --crop 64 --methods l2x,lam"


def reach(
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
    degrade: Degrade = None,
    data_root: DataRoot = None,
    device: Device = None,
    seed: Seed = None,
    trust: Trust = False,
    fresh: Fresh = False,
    dry_run: DryRun = False,
) -> None:
    """How far does each network look? Radii and shares of the maps of patches: the figure, and tables/reach."""
    from l2xbench.commands.patches import PatchRequest, patch_study, places_of
    from l2xbench.commands.run import How, run_study

    block: dict[str, Any] = {
        "places": places_of(at, count, by),
        "size": size,
        "methods": names(methods, "--methods", "l2x,lam"),
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
    study, folder = patch_study("reach", "Reach", request, block, out)
    raise typer.Exit(run_study(study, folder, How(data_root, dry_run, fresh), only="reach"))

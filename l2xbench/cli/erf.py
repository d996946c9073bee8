"""`l2xbench erf`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from l2xbench.cli.flags import (
    CardFlags,
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
    Trust,
    assigned,
    names,
)

EXAMPLE = "l2xbench erf Urban100 --models edsr-compact,./dat_light_x4.pth --images 10 --variant mambair"


def erf(
    cards: CardFlags,
    dataset: Dataset = "skimage",
    models: QuickModels = "edsr-compact,swinir-compact",
    images: Images = None,
    variant: Annotated[
        str,
        typer.Option(
            "--variant",
            help="crop: the middle of each image; mambair: all of it, by the nearest pixel.",
            metavar="NAME",
        ),
    ] = "crop",
    size: Annotated[int, typer.Option("--size", help="Side of what networks see, in LR pixels.", min=8)] = 120,
    of: Annotated[
        str, typer.Option("--of", help="gradient (as published), multipliers (L2X's), or both.", metavar="NAMES")
    ] = "gradient,multipliers",
    scale: Scale = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="The results folder; results/erf/<dataset> by default.")
    ] = None,
    degrade: Degrade = None,
    data_root: DataRoot = None,
    device: Device = None,
    seed: Seed = None,
    trust: Trust = False,
    fresh: Fresh = False,
    dry_run: DryRun = False,
) -> None:
    """Effective receptive fields: how far from its centre does each network look? A figure, and tables/erf.

    As in RepLKNet's and MambaIR's scripts, and beside it the exact kind, L2X's multipliers.
    """
    from l2xbench.commands.quick import dataset_block, quick_study, scale_of
    from l2xbench.commands.run import How, run_study

    chosen = names(models) or []
    scale = scale or scale_of(chosen)
    spoil = assigned(degrade, "--degrade", "noise=25")
    name, entry = dataset_block(dataset, images, as_they_are=scale == 1 and not spoil)
    block = {"of": names(of, "--of", "gradient,multipliers"), "variant": variant, "size": size}
    study = quick_study(
        "erf",
        f"Receptive fields on {name}",
        chosen,
        {name: entry},
        {"erf": block},
        scale=scale,
        degrade=spoil,
        device=device,
        seed=seed,
        trust=trust,
        keys=cards.said(),
    )
    raise typer.Exit(run_study(study, out or Path("results", "erf", name), How(data_root, dry_run, fresh), only="erf"))

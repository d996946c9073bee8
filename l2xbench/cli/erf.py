"""`l2xbench erf`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from l2xbench.cli.flags import DataRoot, Degrade, Device, DryRun, Fresh, Seed, Trust, assigned, names

EXAMPLE = "l2xbench erf Urban100 --models edsr-compact,./dat_light_x4.pth --images 10 --variant mambair"


def erf(
    dataset: Annotated[
        str, typer.Argument(help="A folder of images, a known set (Urban100), or skimage.", metavar="[DATASET]")
    ] = "skimage",
    models: Annotated[
        str, typer.Option("--models", help="Cards, card YAMLs or checkpoint files: a,b,c.", metavar="NAMES")
    ] = "edsr-compact,swinir-compact",
    images: Annotated[
        int | None, typer.Option("--images", help="Only the first so many images.", min=1, metavar="N")
    ] = None,
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
    scale: Annotated[
        int | None, typer.Option("--scale", help="Of the networks; by default the first card's, or 4.", min=1)
    ] = None,
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
    )
    raise typer.Exit(run_study(study, out or Path("results", "erf", name), How(data_root, dry_run, fresh), only="erf"))

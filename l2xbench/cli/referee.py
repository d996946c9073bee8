"""`l2xbench referee`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from l2xbench.cli.flags import CardFlags, QuickFlags, Scale, names

EXAMPLE = "l2xbench referee Urban100 --models edsr-compact,./dat_light_x4.pth --images 8 --crop 32 --block 4 --fine 10"


def referee(
    flags: QuickFlags,
    cards: CardFlags,
    dataset: Annotated[
        str, typer.Argument(help="A folder of HR images, a known set (Urban100), or skimage.", metavar="[DATASET]")
    ] = "skimage",
    models: Annotated[
        str, typer.Option("--models", help="Cards, card YAMLs or checkpoint files: a,b,name=c.", metavar="NAMES")
    ] = "edsr-compact,swinir-compact",
    images: Annotated[
        int | None, typer.Option("--images", help="Only the first so many images, a patch each.", min=2, metavar="N")
    ] = None,
    crop: Annotated[
        int, typer.Option("--crop", help="Of each image its middle, so many LR pixels a side.", min=8)
    ] = 32,
    size: Annotated[int, typer.Option("--size", help="Side of a patch in SR pixels.", min=4)] = 32,
    block: Annotated[int, typer.Option("--block", help="Side of a replaced block in LR pixels.", min=1)] = 2,
    coarse: Annotated[int, typer.Option("--coarse", help="How often each block is replaced at first.", min=1)] = 3,
    fine: Annotated[
        int, typer.Option("--fine", help="How often, anew, where that changed the PSNR by 0.01 dB.", min=0)
    ] = 50,
    methods: Annotated[
        str | None, typer.Option("--methods", help="Whose maps are judged: l2x,lam,...", metavar="NAMES")
    ] = None,
    reference: Annotated[str, typer.Option("--reference", help="blur, mean or black.", metavar="NAME")] = "blur",
    scale: Scale = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="The results folder; results/referee/<dataset> by default.")
    ] = None,
) -> None:
    """Do maps agree with interventions? Blocks of LR pixels are replaced, and the PSNR of a patch is watched.

    Costs thousands of passes a patch, which is said before they begin. A stopped command goes on where it was.
    """
    from l2xbench.commands.quick import dataset_study

    wanted: dict[str, Any] = {
        "size": size,
        "block": block,
        "coarse": coarse,
        "fine": fine,
        "reference": reference,
        "methods": names(methods, "--methods", "l2x,lam"),
    }
    request = flags.request(cards, dataset, models, images=images, crop=crop, scale=scale, needs_hr=True)
    flags.carry_out(*dataset_study("referee", "Maps against interventions", request, wanted, out))

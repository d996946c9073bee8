"""`l2xbench erf`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from l2xbench.cli.flags import CardFlags, Dataset, Images, QuickFlags, QuickModels, Scale, names

EXAMPLE = "l2xbench erf Urban100 --models edsr-compact,./dat_light_x4.pth --images 10 --variant mambair"


def erf(
    flags: QuickFlags,
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
) -> None:
    """Effective receptive fields: how far from its centre does each network look? A figure, and tables/erf.

    As in RepLKNet's and MambaIR's scripts, and beside it the exact kind, L2X's multipliers.
    """
    from l2xbench.commands.quick import dataset_study

    block = {"of": names(of, "--of", "gradient,multipliers"), "variant": variant, "size": size}
    request = flags.request(cards, dataset, models, images=images, scale=scale)
    flags.carry_out(*dataset_study("erf", "Receptive fields", request, block, out))

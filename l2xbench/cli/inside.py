"""`l2xbench inside`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from l2xbench.cli.flags import CardFlags, Device, Seed, Trust

EXAMPLE = "l2xbench inside swinir-compact lr.png --depth 4 --crop 60,60,48"


def inside(
    cards: CardFlags,
    model: Annotated[
        str, typer.Argument(help="A card, its YAML, a checkpoint file, or file.py:Class.", metavar="MODEL")
    ],
    images: Annotated[
        list[Path] | None,
        typer.Argument(
            help="LR images, at scale 1 the networks' input; scikit-image's astronaut by default.", metavar="[IMAGE...]"
        ),
    ] = None,
    depth: Annotated[int, typer.Option("--depth", help="How far down the tree goes.", min=0)] = 2,
    sort: Annotated[
        str, typer.Option("--sort", help="order (as it runs), share, magnitude or parameters.", metavar="KEY")
    ] = "order",
    layers: Annotated[
        str | None,
        typer.Option("--layers", help="Only these submodules: blocks, or patterns: '**.attn,body.*'.", metavar="NAMES"),
    ] = None,
    crop: Annotated[
        str,
        typer.Option(
            "--crop", help="LEFT,TOP,SIDE in LR pixels, a SIDE in the image's middle, or whole.", metavar="WHERE"
        ),
    ] = "48",
    target: Annotated[
        str, typer.Option("--target", help="image, patch:y,x,h,w or neuron:c,y,x, in the crop's SR.", metavar="TARGET")
    ] = "image",
    reference: Annotated[str, typer.Option("--reference", help="blur, mean or black.", metavar="NAME")] = "blur",
    csv: Annotated[Path | None, typer.Option("--csv", help="Also write the numbers into this file.")] = None,
    device: Device = None,
    trust: Trust = False,
    seed: Seed = None,
) -> None:
    """Which part of the network does the work? Its submodules as a tree, with what passes through each.

    The share is the part of the explained change of the output that a submodule's output carries: 100 % where all
    passes through it. Where branches meet, a line says what each brings. The magnitude is the same without
    cancelling. Several images: means, and the range of the shares. Exit code 0; 1 where some of the images failed;
    2 for a wrong request.
    """
    from l2xbench.commands.inside import InsideRequest, look_inside

    request = InsideRequest(
        model=model,
        images=images or [],
        depth=depth,
        sort=sort,
        layers=layers,
        crop=crop,
        target=target,
        reference=reference,
        csv=csv,
        device=device or "auto",
        trust=trust,
        seed=seed or 0,
        keys=cards.said(),
    )
    raise typer.Exit(look_inside(request))

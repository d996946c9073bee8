"""`l2xbench lam`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from l2xbench.cli.flags import CardFlags, QuickFlags, Scale, names
from l2xbench.errors import RequestError

EXAMPLE = "l2xbench lam img_005.png --models carn-m,dat=./dat_light_x4.pth --crop 300,200,256 --window 100,120,24"


def lam(
    flags: QuickFlags,
    cards: CardFlags,
    image: Annotated[
        Path | None,
        typer.Argument(
            help="An HR image; LR is made of it by Pillow's bicubic. At scale 1 what networks take, unless --degrade.",
            metavar="[IMAGE]",
        ),
    ] = None,
    models: Annotated[
        str, typer.Option("--models", help="Cards, card YAMLs or checkpoint files: a,b,name=c.", metavar="NAMES")
    ] = "edsr-compact",
    window: Annotated[
        str | None,
        typer.Option(
            "--window", help="Left, top and side in SR pixels; auto: where networks differ most.", metavar="X,Y,SIZE"
        ),
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option("--preset", help="A window that papers print: urban100/img_019.", metavar="NAME"),
    ] = None,
    crop: Annotated[
        str | None,
        typer.Option(
            "--crop", help="The part of the HR image to take; the window counts from it.", metavar="LEFT,TOP,SIZE"
        ),
    ] = None,
    methods: Annotated[
        str, typer.Option("--methods", help="Maps shown beside each other: lam,l2x.", metavar="NAMES")
    ] = "lam",
    lr: Annotated[
        str, typer.Option("--lr", help="Whose bicubic makes LR: pillow or matlab.", metavar="NAME")
    ] = "pillow",
    scale: Scale = None,
    width: Annotated[
        str, typer.Option("--width", help="Of the figure: auto, column (8.5 cm) or page (17.5 cm).", metavar="NAME")
    ] = "auto",
    out: Annotated[
        Path | None, typer.Option("--out", help="The results folder; results/lam/<image>-window-<window> by default.")
    ] = None,
) -> None:
    """LAM and its diffusion index of a window for each network, as SR papers print them: the figure, and tables/lam.

    The numbers are those of LAM's published code (Gu and Dong, CVPR 2021); left comes before top, as in those papers.
    """
    from l2xbench.commands.lam import LamRequest, lam_study

    if image is None and preset is None:
        raise RequestError("an HR image is needed, or --preset, such as: l2xbench lam --preset urban100/img_019")
    chosen = names(models) or []
    request = LamRequest(
        image=image,
        models=chosen,
        window=window,
        preset=preset,
        crop=crop,
        methods=names(methods, "--methods", "lam,l2x") or [],
        lr=lr,
        scale=scale,
        degrade=flags.spoiled(),
        width=width,
        device=flags.device or "auto",
        seed=flags.seed or 0,
        trust=flags.trust,
        keys=cards.said(chosen),
    )
    study = lam_study(request, out)
    for note in study.notes:
        typer.echo(note)
    with study.with_crop(keep=not flags.dry_run):
        flags.carry_out(study.config, study.folder)

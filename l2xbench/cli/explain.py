"""`l2xbench explain`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from l2xbench.cli.flags import CardFlags, Device, Seed, Trust, assigned, names
from l2xbench.data.folders import printable
from l2xbench.errors import RequestError
from l2xbench.system.collection import uncollected

EXAMPLE = "l2xbench explain lr.png --models edsr-compact,./mine.pth --target patch:60,80,16,16"


def explain(
    cards: CardFlags,
    image: Annotated[Path, typer.Argument(help="An LR image; with --lr, an HR image.", metavar="IMAGE")],
    models: Annotated[
        str, typer.Option("--models", help="Cards, card YAMLs or checkpoint files: a,b,name=c.", metavar="NAMES")
    ] = "edsr-compact",
    target: Annotated[
        str, typer.Option("--target", help="image, patch:y,x,h,w or neuron:c,y,x, in SR pixels.", metavar="TARGET")
    ] = "image",
    reference: Annotated[str, typer.Option("--reference", help="blur, mean or black.", metavar="NAME")] = "blur",
    method: Annotated[
        str, typer.Option("--method", help="l2x, or a peer: lam, integrated_gradients, ...", metavar="NAME")
    ] = "l2x",
    options: Annotated[
        list[str] | None,
        typer.Option("--option", help="The method's own: --option variant=published.", metavar="KEY=VALUE"),
    ] = None,
    lr: Annotated[
        str | None,
        typer.Option("--lr", help="IMAGE is HR, and LR is made of it: matlab's bicubic, or pillow's.", metavar="NAME"),
    ] = None,
    hr: Annotated[
        Path | None, typer.Option("--hr", help="The HR image, to be shown and compared with.", metavar="FILE")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="The folder for figure and maps; results/explain/<image> by default.")
    ] = None,
    palette: Annotated[str, typer.Option("--palette", help="green-red or blue-orange.", metavar="NAME")] = "green-red",
    scale: Annotated[
        str,
        typer.Option("--scale", help="Of colours: linear, symlog, or auto: symlog for a part.", metavar="NAME"),
    ] = "auto",
    verify: Annotated[
        bool, typer.Option("--verify", help="Compare what l2x follows with plain passes of each network first.")
    ] = False,
    device: Device = None,
    trust: Trust = False,
    seed: Seed = None,
) -> None:
    """Which pixels of this image did each network use? One figure, and each map as an .npz."""
    chosen = names(models) or []
    if not image.is_file():
        raise RequestError(f"{image}: no such file; an {'HR' if lr else 'LR'} image is needed")
    with uncollected():  # a sixth of the time that one map takes, all told
        from l2xbench.commands.explain import explain_image

    code = explain_image(
        image,
        chosen,
        target=target,
        reference=reference,
        method=method,
        options=assigned(options, "--option", "variant=published"),
        lr=lr,
        out=out or Path("results", "explain", printable(image.stem)),
        hr=hr,
        palette=palette,
        scale=scale,
        device=device or "auto",
        trust=trust,
        seed=seed or 0,
        verify=verify,
        keys=cards.said(chosen),
    )
    raise typer.Exit(code)

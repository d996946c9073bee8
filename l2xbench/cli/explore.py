"""`l2xbench explore`."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Annotated

import typer

from l2xbench.cli.flags import CardFlags, DataRoot, Device, Seed, Trust, names, overrides
from l2xbench.errors import RequestError

EXAMPLE = "l2xbench explore photo.png --models edsr-compact,./mine.pth"


def explore(
    cards: CardFlags,
    images: Annotated[
        list[str] | None,
        typer.Argument(help="LR images and folders; scikit-image's photographs by default.", metavar="[IMAGE]..."),
    ] = None,
    models: Annotated[
        str | None,
        typer.Option("--models", help="Cards, card YAMLs or checkpoint files: a,b,c; the bundled ones by default."),
    ] = None,
    study: Annotated[
        str | None,
        typer.Option("--study", help="A study's YAML: its networks, images and reference.", metavar="STUDY"),
    ] = None,
    hr: Annotated[bool, typer.Option("--hr", help="The images are HR: LR is made of them by bicubic.")] = False,
    crop: Annotated[
        int | None,
        typer.Option("--crop", help="LR pixels on a side of what is explained at a time; 96 by default.", min=8),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option("--port", help="By default the first free one from 8470; 0 for any.", min=0, max=65535),
    ] = None,
    host: Annotated[
        str, typer.Option("--host", help="The address to listen on; others than this let others in.")
    ] = "127.0.0.1",
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page in a browser.")] = True,
    data_root: DataRoot = None,
    device: Device = None,
    trust: Trust = False,
    seed: Seed = None,
) -> None:
    """Open a local page: click a spot of an SR image and see which pixels each network used for it.

    Nothing is sent anywhere: the page comes from this machine, and asks for nothing else.
    """
    if find_spec("nicegui") is None:
        raise RequestError("explore: the page needs an extra: pip install 'l2xbench[explore]'")
    chosen = names(models)
    found, keys = None, cards.said(chosen or [])
    if study is not None:
        if keys:
            raise RequestError(f"--study {study}: it says itself what its networks are; say {next(iter(keys))} there")
        from l2xbench.studies.reading import read_study

        found = read_study(study, overrides(None, device=device, seed=seed), chosen)
    from l2xbench.commands.explore import explore as open_page

    code = open_page(
        images or [],
        chosen,
        study=found,
        kind="hr" if hr else "lr",
        side=crop,
        data_root=data_root,
        host=host,
        port=port,
        browser=browser,
        device=device or "auto",
        trust=trust,
        seed=seed or 0,
        keys=keys,
    )
    raise typer.Exit(code)

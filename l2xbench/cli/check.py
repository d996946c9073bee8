"""`l2xbench check`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from l2xbench.cli.flags import CardFlags, Seed, Trust

EXAMPLE = "l2xbench check ./my_network.py:Net --trust --size 64"


def check(
    cards: CardFlags,
    model: Annotated[
        str, typer.Argument(help="A card, its YAML, a checkpoint file, or file.py:Class.", metavar="MODEL")
    ],
    size: Annotated[int, typer.Option("--size", help="LR pixels on a side.", min=4)] = 48,
    image: Annotated[
        Path | None, typer.Option("--image", help="An LR image to explain, instead of scikit-image's astronaut.")
    ] = None,
    reference: Annotated[str, typer.Option("--reference", help="blur, mean or black.")] = "blur",
    outputs: Annotated[int, typer.Option("--outputs", help="Single outputs to explain beside the image.", min=0)] = 5,
    trust: Trust = False,
    seed: Seed = None,
) -> None:
    """Is this network explained exactly? Its operations, the rule of each, and the completeness error.

    A card whose checkpoint is not here has random weights: exactness is a matter of operations.

    Exit code 0: explained exactly, and a study can use it. 1: not exact, the error of the map exceeds 1e-4 in float64
    or float32. 2: a study cannot use it; one line says why, in the words in which `l2xbench run` says it.
    """
    from l2xbench.commands.check import check as check_network

    code = check_network(
        model,
        size=size,
        image=image,
        reference=reference,
        trust=trust,
        seed=seed or 0,
        outputs=outputs,
        keys=cards.said(),
    )
    raise typer.Exit(code)

"""`l2xbench cka`."""

from __future__ import annotations

from typing import Annotated

import typer

from l2xbench.cli.flags import OptionalStudy, StudyFlags, names
from l2xbench.errors import RequestError

EXAMPLE = "l2xbench cka --models edsr,swinir --set similarity.crops=16"


def cka(
    flags: StudyFlags,
    config: OptionalStudy = "demo",
    estimator: Annotated[
        str | None,
        typer.Option("--estimator", help="biased (the paper's) or unbiased; overrides the study.", metavar="NAME"),
    ] = None,
    layers: Annotated[
        str | None,
        typer.Option("--layers", help="Compare layers with layers: blocks, or patterns: 'layers.*'.", metavar="NAMES"),
    ] = None,
    of: Annotated[
        str | None,
        typer.Option("--of", help="attributions, multipliers, or, of layers, features.", metavar="NAME"),
    ] = None,
) -> None:
    """How alike do networks see? CKA of their attributions of the same LR crops, each network with each.

    With --layers, of what their layers do: the grid of each network with itself and with each other, and whether the
    same layers of two trainings find each other. Only what this needs is computed; what `run` or an earlier call has
    left in the results folder is used. With flags that change the study (--models, --estimator, --layers, --of, --set,
    --seed), results go to results/<study>-cka unless --out is given, so that those of the study as written stay.
    """
    asked = {"estimator": estimator, "of": of, "layers": names(layers, "--layers", "blocks")}
    overrides = flags.overrides(**{f"similarity.{key}": value for key, value in asked.items()})
    chosen = names(flags.models)
    from l2xbench.studies.reading import read_study
    from l2xbench.studies.similarity import STUDY

    study = STUDY.alone(read_study(config, overrides, chosen))
    if len(study.models) < 2:
        raise RequestError(f"cka: two networks at least are needed to compare; this asks for {', '.join(study.models)}")
    only = "layers" if layers else "similarity"
    flags.carry_out_part(study, config, STUDY.alone, command="cka", only=only)

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
) -> None:
    """How alike do networks see? CKA of their attributions of the same LR crops, each network with each.

    Only what this needs is computed; what `run` or an earlier call has left in the results folder is used.
    """
    overrides, chosen = flags.overrides(**{"similarity.estimator": estimator}), names(flags.models)
    from l2xbench.studies.reading import read_study
    from l2xbench.studies.similarity import STUDY

    study = STUDY.alone(read_study(config, overrides, chosen))
    if len(study.models) < 2:
        raise RequestError(f"cka: two networks at least are needed to compare; this asks for {', '.join(study.models)}")
    flags.carry_out(study, only="similarity")

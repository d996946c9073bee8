"""`l2xbench ablate`."""

from __future__ import annotations

from typing import Annotated

import typer

from l2xbench.cli.flags import OptionalStudy, StudyFlags, names

EXAMPLE = "l2xbench ablate --ratios 0.05:0.4 --methods l2x,integrated_gradients"


def ablate(
    flags: StudyFlags,
    config: OptionalStudy = "demo",
    ratios: Annotated[
        str | None,
        typer.Option("--ratios", help="Masked shares: a:b (by 0.05), a:b:step or a,b,c.", metavar="RATIOS"),
    ] = None,
    methods: Annotated[
        str | None,
        typer.Option("--methods", help="Whose maps to follow: l2x,lam,...; the study's by default.", metavar="NAMES"),
    ] = None,
) -> None:
    """Mask what a map calls important and see how far PSNR and SSIM fall, against random order and other controls.

    Maps that `run` has made are used, and what is already done is not done again. With flags that change the study
    (--models, --ratios, --methods, --set, --seed), results go to results/<study>-ablate unless --out is given, so
    that those of the study as written stay.
    """
    wanted = {"ablation.ratios": ratios, "ablation.methods": names(methods, "--methods", "l2x,lam")}
    overrides, chosen = flags.overrides(**wanted), names(flags.models)
    from l2xbench.studies.ablation import STUDY
    from l2xbench.studies.reading import read_study

    study = STUDY.alone(read_study(config, overrides, chosen))
    flags.carry_out_part(study, config, STUDY.alone, command="ablate", only="ablation")

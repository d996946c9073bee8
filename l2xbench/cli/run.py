"""`l2xbench run`."""

from __future__ import annotations

from typing import Annotated

import typer

from l2xbench.cli.flags import StudyFlags, names

EXAMPLE = "l2xbench run configs/demo.yaml --models edsr --set attribution.reference=mean --out /tmp/demo"


def run(
    config: Annotated[str, typer.Argument(help="A study's YAML, or a bundled study's name (demo).", metavar="STUDY")],
    flags: StudyFlags,
    status: Annotated[
        bool, typer.Option("--status", help="Show what is done, failed and left in the results folder, and stop.")
    ] = False,
) -> None:
    """Run a study: super-resolve, measure, explain; leave tables, figures and a manifest.

    What is already done is not done again: the same command goes on after an interruption.
    """
    overrides, chosen = flags.overrides(), names(flags.models)
    # a wrong study is told before torch, which takes seconds to import
    from l2xbench.studies.reading import read_study

    study = read_study(config, overrides, chosen)
    if status:
        from l2xbench.commands.status import show_status

        show_status(study, flags.folder(study))
        return
    flags.carry_out(study)

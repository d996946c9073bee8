"""What restoration owes, and how every study measures an SR image."""

from __future__ import annotations

from l2xbench.config import StudyConfig
from l2xbench.data.measures import usual_measure
from l2xbench.studies.restoration.options import RestorationOptions
from l2xbench.studies.study import Options

COUNTED_SIDE = 64
"""LR pixels on a side of the image for which operations and memory are counted."""


def restoration_options(config: StudyConfig) -> RestorationOptions:
    """The study's block, which is never off."""
    return config.block(RestorationOptions) or RestorationOptions()


def measured(config: StudyConfig) -> Options:
    """How an SR image is made and compared with HR: the options of every unit that measures PSNR and SSIM."""
    wanted = restoration_options(config)
    usual = usual_measure(config.scale)
    options: Options = {
        "colour": wanted.colour or usual.colour,
        "border": usual.border if wanted.border is None else wanted.border,
    }
    if config.inference:
        options["inference"] = list(config.inference)
    return options

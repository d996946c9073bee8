"""What would fail for every window, told before anything is run."""

from __future__ import annotations

from functools import partial

import torch

from l2xbench.attribution.methods.registry import get_method
from l2xbench.attribution.references import make_reference
from l2xbench.config import StudyConfig
from l2xbench.errors import RequestError
from l2xbench.studies.attribution.checks import told_by_key
from l2xbench.studies.lam.cases import AUTO
from l2xbench.studies.lam.options import LamOptions
from l2xbench.studies.lam.units import dataset_of


def check_lam(config: StudyConfig) -> None:
    """An unknown method, reference or dataset, or no case at all.

    Raises:
        RequestError: what is wrong, by key.
    """
    wanted = config.block(LamOptions)
    if wanted is None:
        return
    if not wanted.cases:
        raise RequestError('lam.cases: name a window at least: {image: img_019, window: "119,115,24"}; or say auto')
    for method in wanted.methods:
        told_by_key("lam.methods", partial(get_method, method))
    told_by_key("lam.reference", lambda: make_reference(wanted.reference, torch.zeros(1, 3, 8, 8)))
    if wanted.cases != AUTO:
        for case in wanted.cases:
            dataset_of(case, config)

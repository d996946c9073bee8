"""What would keep a network from being built or an image from being read, found before a study is run."""

from __future__ import annotations

import torch

from l2xbench.config import StudyConfig
from l2xbench.data.pairs import ImagePair
from l2xbench.errors import RequestError, reason_of
from l2xbench.run.plan import Plan, PlannedModel
from l2xbench.system.inorder import in_order
from l2xbench.zoo.load import build
from l2xbench.zoo.outputs import UnfitNetwork

READERS = 4
"""Threads that look at images."""
BLANK = 16
"""The side of the blank image that shows whether a network's output is one of its scale."""


def faults(plan: Plan) -> dict[str, str]:
    """Network -> why it cannot be built, of those of the study that cannot, in its order.

    Each is built on the CPU, run on a small blank image, and dropped again; one of the user's own too, which the study
    says is trusted, or the plan would not have been made.
    """
    found = {**plan.unusable}
    for model in plan.networks:
        try:
            _look(model, plan.study)
        except (Exception, SystemExit) as error:  # a class of the user's may raise anything, or leave
            found[model.name] = reason_of(error)
    return {name: found[name] for name in plan.study.models if name in found}


def unreadable(plan: Plan) -> dict[tuple[str, str], str]:
    """(Dataset, image) -> why it cannot be read, by the beginning of each file: nothing is decoded."""
    found: dict[tuple[str, str], str] = {}
    for dataset in plan.datasets:
        for pair, reason in zip(dataset.pairs, in_order(_fault, dataset.pairs, READERS), strict=True):
            if reason:
                found[dataset.name, pair.name] = reason
    return found


def _fault(pair: ImagePair) -> str:
    try:
        pair.require_images()
    except Exception as error:
        return reason_of(error)
    return ""


def _look(model: PlannedModel, study: StudyConfig) -> None:
    network = build(model.source, trust=study.trust)
    if network.scale != study.scale:
        raise RequestError(f"the network is for scale {network.scale}, the study's is {study.scale}")
    try:
        with torch.no_grad():
            network(torch.zeros(1, 3, BLANK, BLANK))
    except UnfitNetwork:
        raise
    except (Exception, SystemExit):  # of an image so small, which says nothing of the study's
        return

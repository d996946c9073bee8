"""What would keep a network from being built, found before a study is run, and without running a user's code."""

from __future__ import annotations

import ast
from pathlib import Path

import torch

from l2xbench.errors import RequestError, did_you_mean, reason_of
from l2xbench.run.plan import Plan, PlannedModel
from l2xbench.zoo import checkpoints
from l2xbench.zoo.cards import ModelCard
from l2xbench.zoo.load import build
from l2xbench.zoo.outputs import UnfitNetwork

BLANK = 16
"""The side of the blank image that shows whether a network's output is one of its scale."""


def faults(plan: Plan) -> dict[str, str]:
    """Network -> why it cannot be built, of those of the study that cannot, in its order.

    A network of our architectures, BasicSR's or spandrel's is built on the CPU, run on a small blank image, and dropped
    again. Of a class of the user's the file is parsed, and its checkpoint read.
    """
    found = {**plan.unusable}
    for model in plan.networks:
        try:
            _look(model, plan.study.scale)
        except Exception as error:
            found[model.name] = reason_of(error)
    return {name: found[name] for name in plan.study.models if name in found}


def _look(model: PlannedModel, scale: int) -> None:
    source = model.source
    if source.card.provider == "module":
        _look_at_code(source.card)
        if isinstance(source.weights, Path):
            checkpoints.read_checkpoint(source.weights)
        return
    network = build(source)
    if network.scale != scale:
        raise RequestError(f"the network is for scale {network.scale}, the study's is {scale}")
    try:
        with torch.no_grad():
            network(torch.zeros(1, 3, BLANK, BLANK))
    except UnfitNetwork:
        raise
    except Exception:  # of an image so small, which says nothing of the study's
        return


def _look_at_code(card: ModelCard) -> None:
    where, _, name = (card.module or "").rpartition(":")
    if not where.endswith(".py"):
        return  # a package is found by importing it
    path = Path(card.folder, where).expanduser()
    try:
        tree = ast.parse(path.read_bytes(), str(path))
    except OSError as error:
        raise RequestError(f"module: {path}: {error.strerror}") from None
    except (SyntaxError, ValueError) as error:
        raise RequestError(f"module: {path}: not Python: {error}") from None
    defined = [each.name for each in tree.body if isinstance(each, (ast.ClassDef, ast.FunctionDef))]
    # what a file imports, or makes as it runs, cannot be known without running it
    if name not in defined and all(isinstance(each, (ast.ClassDef, ast.FunctionDef, ast.Expr)) for each in tree.body):
        raise RequestError(f"module: {where} has no '{name}'; {did_you_mean(name, defined)}")

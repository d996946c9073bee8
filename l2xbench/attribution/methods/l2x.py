"""L2X: multipliers propagated backwards once (DeepLIFT's rescale rule, on any network)."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import torch
from torch.autograd.graph import get_gradient_edge

from l2xbench.attribution.captured import Wanted, makes_room, replayed
from l2xbench.attribution.engine.backward import backward
from l2xbench.attribution.engine.paired import PairedOutput, paired_forward
from l2xbench.attribution.layers_of_pass import layers_found, together
from l2xbench.attribution.methods.registry import Explained, Problem, method
from l2xbench.attribution.targets import NeuronTarget, Objective, sum_per_image


@method("l2x", all_targets=True, restores_network=True, converts_parameters=True, sees_layers=True)
def l2x(problem: Problem) -> list[Explained]:
    """Ours: exact attribution of the output's difference in one backward pass (the paper's Eqs. 1 to 6)."""
    if problem.layers and len(problem.inputs) > 1:
        return one_by_one(problem)
    found = None if problem.layers else by_replay(problem)
    if found is not None:
        return found
    try:
        return by_pass(problem)
    except Exception as error:
        if not makes_room(error):
            raise
    return by_pass(problem)


def by_pass(problem: Problem) -> list[Explained]:
    """The maps by a pass that is made now."""
    answers = []
    with paired_forward(
        problem.network,
        problem.inputs,
        problem.reference,
        strict=problem.strict,
        output=problem.output,
        layers=list(problem.layers.values()),
    ) as paired:
        for number, target in enumerate(problem.targets, start=1):
            objective = problem.objective(target, paired.value, paired.reference)
            if objective is None:
                answers.append(problem.nothing())
                continue
            answers.append(answer(problem, paired, objective, keep=number < len(problem.targets)))
    return answers


def by_replay(problem: Problem) -> list[Explained] | None:
    """The same by a pass that was recorded; None where there is none to replay."""
    wanted = [
        Wanted(partial(problem.window_of, target), not isinstance(target, NeuronTarget)) for target in problem.targets
    ]
    found = replayed(
        problem.network, problem.inputs, problem.reference, wanted, strict=problem.strict, output=problem.output
    )
    if found is None:
        return None
    answers = []
    for target, multiplier in zip(problem.targets, found.multipliers, strict=True):
        objective = problem.objective(target, found.value, found.reference)
        if objective is None:
            answers.append(problem.nothing())
            continue
        values = multiplier * (problem.inputs - problem.reference)
        answers.append(Explained(values, objective.delta, list(found.operations)))
    return answers


def answer(problem: Problem, paired: PairedOutput, objective: Objective, *, keep: bool) -> Explained:
    """The map of one target, and what passed through the submodules asked for, from one backward pass.

    Args:
        keep: whether the graph is needed again.
    """
    taps = paired.taps
    places = [tap.edge for tap in taps.places() if tap.edge is not None] if taps is not None else []
    multiplier, *inside = backward(
        paired.value,
        objective.gradient_of(paired.value),
        [get_gradient_edge(paired.inputs), *places],
        keep=keep,
        unused=bool(places),
    )
    values = multiplier * (problem.inputs - problem.reference)
    jump = None
    if paired.jump is not None:
        jump = sum_per_image(objective.weights * paired.jump[(slice(None), *objective.window)])
    layers = None
    if taps is not None:
        layers = layers_found(problem.layers, taps, inside, objective.delta, values)
    return Explained(values, objective.delta, list(paired.operations), jump, paired.routed, layers)


def one_by_one(problem: Problem) -> list[Explained]:
    """The images of a batch each by itself: inside a network an image's tensors may lie in any order, and only those
    of one image are surely its own.
    """
    of_images = [
        l2x(replace(problem, inputs=problem.inputs[i : i + 1], reference=problem.reference[i : i + 1]))
        for i in range(len(problem.inputs))
    ]
    answers = []
    for found in zip(*of_images, strict=True):
        jumps = [each.jump if each.jump is not None else torch.zeros_like(each.delta) for each in found]
        answers.append(
            Explained(
                torch.cat([each.values for each in found]),
                torch.cat([each.delta for each in found]),
                found[0].operations,
                torch.cat(jumps) if any(each.jump is not None for each in found) else None,
                next((each.routed for each in found if each.routed), ""),
                together([each.layers for each in found if each.layers is not None]),
            )
        )
    return answers

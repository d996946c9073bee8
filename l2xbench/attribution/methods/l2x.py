"""L2X: multipliers propagated backwards once (DeepLIFT's rescale rule, on any network)."""

from __future__ import annotations

import torch

from l2xbench.attribution.engine.paired import paired_forward
from l2xbench.attribution.methods.registry import Explained, Problem, method
from l2xbench.attribution.targets import sum_per_image


@method("l2x", all_targets=True, restores_network=True, converts_parameters=True)
def l2x(problem: Problem) -> list[Explained]:
    """Ours: exact attribution of the output's difference in one backward pass (the paper's Eqs. 1 to 6)."""
    answers = []
    with paired_forward(
        problem.network, problem.inputs, problem.reference, strict=problem.strict, output=problem.output
    ) as paired:
        for number, target in enumerate(problem.targets, start=1):
            objective = problem.objective(target, paired.value, paired.reference)
            if objective is None:
                answers.append(problem.nothing())
                continue
            (multiplier,) = torch.autograd.grad(
                paired.value,
                paired.inputs,
                objective.gradient_of(paired.value),
                retain_graph=number < len(problem.targets),
            )
            values = multiplier * (problem.inputs - problem.reference)
            jump = None
            if paired.jump is not None:
                jump = sum_per_image(objective.weights * paired.jump[(slice(None), *objective.window)])
            answers.append(Explained(values, objective.delta, list(paired.operations), jump, paired.routed))
    return answers

from __future__ import annotations

import pytest
import torch

from l2xbench.attribution import AttributionError
from l2xbench.attribution.targets import ImageTarget, NeuronTarget, Objective, PatchTarget, parse_target

SHAPE = (2, 3, 8, 10)


@pytest.mark.parametrize(
    ("given", "target"),
    [
        ("image", ImageTarget()),
        ("neuron:1,4,5", NeuronTarget((1, 4, 5))),
        ("neuron: 1, 4, 5", NeuronTarget((1, 4, 5))),
        ("patch:1,2,3,4", PatchTarget(1, 2, 3, 4)),
        ((1, 4, 5), NeuronTarget((1, 4, 5))),
        ((1, 2, 3, 4), PatchTarget(1, 2, 3, 4)),
        (PatchTarget(0, 0, 1, 1), PatchTarget(0, 0, 1, 1)),
    ],
)
def test_a_target_from_its_text_or_coordinates(given, target) -> None:
    assert parse_target(given) == target
    assert parse_target(str(target)) == target


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("imgae", "did you mean 'image'"),
        ("neuro:1,2,3", "did you mean 'neuron'"),
        ("neuron", "not of the form 'neuron:c,y,x'"),
        ("neuron:a,b", "not of the form 'neuron:c,y,x'"),
        ("image:3", "not of the form 'image'"),
        ("patch:1,2", "has 2 numbers; the form is 'patch:y,x,h,w'"),
        (5, "give one of image"),
        ((1.5, 2, 3), "tuple of coordinates"),
    ],
)
def test_a_wrong_target_is_told_in_one_line(given, words: str) -> None:
    with pytest.raises(AttributionError, match=words):
        parse_target(given)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("neuron:3,0,0", "channel 3 must be 0 to 2"),
        ("neuron:0,8,0", "row 8 must be 0 to 7"),
        ("neuron:0,0,-1", "column -1 must be 0 to 9"),
        ("neuron:0,0", "has 2 indices"),
        ("patch:6,0,3,2", "rows 6 to 8 must lie in 0 to 7"),
        ("patch:0,9,2,2", "columns 9 to 10 in 0 to 9"),
        ("patch:0,0,0,2", "outside the output"),
    ],
)
def test_a_target_outside_the_output_is_told(text: str, words: str) -> None:
    with pytest.raises(AttributionError, match=words):
        parse_target(text).window(SHAPE)


def test_a_window_holds_the_outputs_it_means() -> None:
    output = torch.arange(480).reshape(SHAPE)
    assert output[(slice(None), *parse_target("neuron:1,4,5").window(SHAPE))].tolist() == [
        [[[output[0, 1, 4, 5].item()]]],
        [[[output[1, 1, 4, 5].item()]]],
    ]
    patch = output[(slice(None), *parse_target("patch:2,3,4,5").window(SHAPE))]
    assert torch.equal(patch, output[:, :, 2:6, 3:8])


def test_opposite_changes_do_not_cancel_and_each_image_has_its_own_signs() -> None:
    output = torch.tensor([[[[1.0, -2.0]]], [[[-3.0, 4.0]]]])
    target = ImageTarget()
    objective = Objective.of(target, target.window(output.shape), output, torch.zeros_like(output))
    assert objective.delta.tolist() == [3.0, 7.0]
    assert objective.gradient_of(output).flatten().tolist() == [1, -1, -1, 1]


def test_one_neuron_keeps_its_sign() -> None:
    output = torch.tensor([[[[1.0, -2.0]]]])
    target = NeuronTarget((0, 0, 1))
    objective = Objective.of(target, target.window(output.shape), output, torch.zeros_like(output))
    assert objective.delta.tolist() == [-2.0]
    assert objective.gradient_of(output).flatten().tolist() == [0, 1]

from __future__ import annotations

import copy
import warnings
from typing import cast

import pytest
import torch
from torch import Tensor, nn

from l2xbench.attribution import Attribution, AttributionError, explain, method_names
from l2xbench.attribution.explain import completeness_error
from tests.attribution.small import Classifier, small_sr

QUICK = {"lam": {"steps": 5}, "integrated_gradients": {"steps": 5}, "smoothgrad": {"samples": 3}}
"""Options that make the methods of many steps quick; exactness is not what is tested with them."""

LR = torch.rand(2, 3, 12, 10, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize("target", ["image", "neuron:1,7,9", "patch:2,4,5,6"])
@pytest.mark.parametrize("reference", ["blur", "mean", "black"])
def test_l2x_sums_to_the_objectives_difference(target: str, reference: str) -> None:
    network = small_sr().double()
    images = LR.double()
    found = explain(network, images, target=target, reference=reference)
    with torch.no_grad():
        change = network(images) - network(found.reference)
    expected = {
        "image": change.abs().flatten(1).sum(1),
        "neuron:1,7,9": change[:, 1, 7, 9],
        "patch:2,4,5,6": change[:, :, 2:7, 4:10].abs().flatten(1).sum(1),
    }[target]
    torch.testing.assert_close(found.delta, expected, rtol=1e-12, atol=1e-13)
    torch.testing.assert_close(found.values.flatten(1).sum(1), expected, rtol=1e-10, atol=1e-12)
    assert found.completeness_error.max() < 1e-10


def test_an_attribution_has_the_shapes_and_parts_of_the_contract() -> None:
    found = explain(small_sr(), LR)
    assert isinstance(found, Attribution)
    for part in (found.values, found.positive, found.negative, found.reference):
        assert part.shape == LR.shape
    assert found.delta.shape == found.completeness_error.shape == (2,)
    assert torch.equal(found.positive + found.negative, found.values)
    assert (found.positive >= 0).all()
    assert (found.negative <= 0).all()
    assert not found.values.requires_grad


def test_several_targets_agree_with_one_at_a_time_for_every_method() -> None:
    network = small_sr()
    targets = ["image", "neuron:0,3,3", "patch:0,0,4,4"]
    for name in method_names():
        together = explain(network, LR, target=targets, method=name, **QUICK.get(name, {}))
        assert [found.target for found in together] == targets
        for found in together:
            alone = explain(network, LR, target=found.target, method=name, **QUICK.get(name, {}))
            torch.testing.assert_close(found.values, alone.values, msg=f"{name} {found.target}")
            torch.testing.assert_close(found.delta, alone.delta, equal_nan=True)


def test_several_targets_take_one_forward_pass() -> None:
    network = small_sr()
    calls = []
    network[0].register_forward_hook(lambda *_: calls.append(1))
    explain(network, LR, target=["image", "neuron:0,0,0", "patch:0,0,2,2"])
    one = len(calls)
    calls.clear()
    explain(network, LR)
    assert one == len(calls)


def test_an_image_in_a_batch_is_explained_as_it_is_alone() -> None:
    network = small_sr().double()
    for name in ("l2x", "integrated_gradients", "lam", "deeplift", "occlusion"):
        batch = explain(network, LR.double(), method=name, **QUICK.get(name, {}))
        alone = explain(network, LR[1:].double(), method=name, **QUICK.get(name, {}))
        torch.testing.assert_close(batch.values[1:], alone.values, msg=name)
        torch.testing.assert_close(batch.delta[1:], alone.delta)


@pytest.mark.parametrize("name", method_names())
def test_the_network_is_left_as_it_was(name: str) -> None:
    network = nn.Sequential(small_sr(inplace=True), nn.BatchNorm2d(3), nn.Dropout(0.5)).train()
    network[1].weight.requires_grad_(False)
    before = copy.deepcopy(network.state_dict())
    flags = [(p.requires_grad, m.training) for m in network.modules() for p in m.parameters(recurse=False)]
    attributes = [sorted(vars(module)) for module in network.modules()]
    explain(network, LR, method=name, **QUICK.get(name, {}))
    for key, value in network.state_dict().items():
        assert torch.equal(value, before[key]), key
    assert flags == [(p.requires_grad, m.training) for m in network.modules() for p in m.parameters(recurse=False)]
    assert attributes == [sorted(vars(module)) for module in network.modules()]
    assert all(module.training for module in network.modules())
    assert network[0][1].inplace
    assert all(p.grad is None for p in network.parameters())
    assert not any(m._forward_hooks or m._backward_hooks or m._forward_pre_hooks for m in network.modules())


@pytest.mark.parametrize("name", method_names())
@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_a_caller_without_gradients_gets_the_same_map(name: str, mode) -> None:
    network, options = small_sr(), QUICK.get(name, {})
    expected = explain(network, LR, method=name, **options)
    with mode():
        found = explain(network, LR * 1, method=name, **options)
    torch.testing.assert_close(found.values, expected.values)


class Several(nn.Module):
    """The same network, its output one of several."""

    def __init__(self, kind: type) -> None:
        super().__init__()
        self.body = small_sr()
        self.kind = kind

    def forward(self, x: Tensor) -> object:
        y = self.body(x)
        return {"coarse": x, "fine": y} if self.kind is dict else self.kind([x, y])


@pytest.mark.parametrize(("kind", "output"), [(list, 1), (tuple, -1), (dict, "fine")])
@pytest.mark.parametrize("name", ["l2x", "gradient", "deeplift", "lam"])
def test_one_output_of_several_is_chosen(kind: type, output: int | str, name: str) -> None:
    expected = explain(small_sr(), LR, method=name, **QUICK.get(name, {}))
    found = explain(Several(kind), LR, method=name, output=output, **QUICK.get(name, {}))
    torch.testing.assert_close(found.values, expected.values)


@pytest.mark.parametrize("name", ["l2x", "gradient"])
def test_not_choosing_among_several_outputs_is_an_error(name: str) -> None:
    with pytest.raises(AttributionError, match="choose one with output="):
        explain(Several(tuple), LR, method=name)
    with pytest.raises(AttributionError, match=r"'fien'.*coarse.*fine"):
        explain(Several(dict), LR, method=name, output="fien")


def test_a_classifiers_class_is_a_neuron() -> None:
    images = torch.rand(3, 1, 8, 8)
    found = explain(Classifier(), images, target="neuron:2", reference="black")
    assert found.completeness_error.max() < 1e-5
    assert found.values.shape == images.shape


@pytest.mark.parametrize(
    ("keywords", "words"),
    [
        ({"method": "l2y"}, "method 'l2y' does not exist; did you mean 'l2x'"),
        ({"method": "integrated_gradient"}, "did you mean 'integrated_gradients'"),
        ({"method": "integrated_gradients", "step": 10}, "option 'step' does not exist; did you mean 'steps'"),
        ({"method": "lam", "steps": 0}, "it must be above 0"),
        ({"method": "lam", "steps": 2.5}, "steps is 2.5; give a int"),
        ({"method": "lam", "steps": True}, "steps is True"),
        ({"steps": 5}, "method 'l2x': option 'steps' does not exist"),
        ({"refrence": "blur"}, "did you mean 'reference'"),
        ({"target": "neuron:0,24,0"}, "row 24 must be 0 to 23"),
        ({"target": []}, "the list is empty"),
        ({"tile": 0}, "tile=0"),
        ({"tile": "big"}, "tile='big'"),
        ({"tile": 8, "overlap": 4}, "must exceed twice the overlap"),
        ({"tile": 8, "overlap": -1}, "overlap=-1"),
    ],
)
def test_a_wrong_request_is_told_in_one_line(keywords: dict, words: str) -> None:
    with pytest.raises(AttributionError, match=words) as caught:
        explain(small_sr(), LR, **keywords)
    assert isinstance(caught.value, ValueError)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        (LR[0], r"no batch axis; give \(1, 3, 12, 10\)"),
        ((LR * 255).byte(), "found torch.uint8"),
        (LR.numpy(), "found ndarray"),
        (LR[:0], "give a batch of images"),
        (torch.full((1, 3, 8, 8), float("nan")), "NaN or Inf"),
    ],
)
def test_wrong_inputs_are_told_in_one_line(inputs, words: str) -> None:
    with pytest.raises(AttributionError, match=words):
        explain(small_sr(), inputs)


def test_levels_of_8_bits_given_to_a_network_that_takes_0_to_1_are_warned_of() -> None:
    class Ranged(nn.Conv2d):
        takes = (0.0, 1.0)
        name = "ranged"

    torch.manual_seed(0)
    image = torch.rand(1, 3, 6, 6)
    with pytest.warns(UserWarning, match=r"inputs from .* to 2\d\d.*, where ranged takes \[0, 1\]; give x / 255"):
        explain(Ranged(3, 3, 1), image * 255)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        explain(Ranged(3, 3, 1), image * 1.5 - 0.2)  # noise reaches a little beyond
        explain(nn.Conv2d(3, 3, 1), image * 255)  # a network of the caller's own has a range of its own


def test_completeness_error_is_the_contracts() -> None:
    values = torch.tensor([[3.0, -1.0], [1000.0, -999.0], [0.0, 0.0]])
    delta = torch.tensor([1.0, 0.5, 0.0])
    expected = [1.0, 0.5 / 1.999, 0.0]
    torch.testing.assert_close(completeness_error(values, delta), torch.tensor(expected, dtype=torch.float64))


def test_a_map_that_is_not_finite_is_warned_of() -> None:
    class Root(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return (x - x).sqrt() + x  # the derivative of sqrt at 0 is infinite

    with pytest.warns(UserWarning, match="holds NaN or Inf"):
        explain(Root(), LR, method="gradient")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        explain(small_sr(), LR, method="gradient")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("name", method_names())
def test_half_precision_is_explained_in_float32_and_said(name: str, dtype: torch.dtype) -> None:
    network, options = nn.Sequential(small_sr(), nn.BatchNorm2d(3)).to(dtype), QUICK.get(name, {})
    before = copy.deepcopy(network.state_dict())
    expected = explain(copy.deepcopy(network).float(), LR.to(dtype).float(), method=name, **options)
    with pytest.warns(UserWarning, match="Sequential is in half precision: explained in float32"):
        found = explain(network, LR.to(dtype), method=name, **options)
    assert found.values.dtype == torch.float32
    assert torch.equal(found.values, expected.values)
    for key, value in network.state_dict().items():
        assert value.dtype == before[key].dtype
        assert torch.equal(value, before[key])


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("name", method_names())
def test_on_a_gpu(name: str) -> None:
    here = explain(small_sr(), LR, method=name)
    there = explain(small_sr().cuda(), LR.cuda(), method=name)
    assert there.values.device.type == "cuda"
    if name != "smoothgrad":  # its noise is drawn on the device
        torch.testing.assert_close(there.values.cpu(), here.values, rtol=1e-3, atol=1e-3)


class _Needy(nn.Module):
    def forward(self, x: torch.Tensor, sigma: float, *, steps: int, mode: str = "a") -> torch.Tensor:
        return x * sigma * steps


@pytest.mark.parametrize("method", ["l2x", "gradient", "occlusion"])
def test_a_network_that_needs_more_than_the_image_is_refused_with_what_would_do(method: str) -> None:
    inputs = torch.rand(1, 3, 8, 8)
    with pytest.raises(AttributionError, match="_Needy takes sigma, steps besides the image") as caught:
        explain(_Needy(), inputs, method=method)
    assert "\n" not in str(caught.value)

    class Filled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = _Needy()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return cast(torch.Tensor, self.net(x, 0.5, steps=2))

    assert explain(Filled(), inputs, method=method).values.shape == inputs.shape


def test_a_hook_may_give_a_network_what_it_needs() -> None:
    network = _Needy()
    network.register_forward_pre_hook(
        lambda _, given, named: (given, {**named, "sigma": 1.0, "steps": 1}), with_kwargs=True
    )
    assert float(explain(network, torch.rand(1, 3, 8, 8)).completeness_error) < 1e-5

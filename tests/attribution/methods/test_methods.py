from __future__ import annotations

from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from l2xbench.attribution import AttributionError, MethodError, explain, method_names
from l2xbench.attribution.methods import get_method, method, registry
from l2xbench.attribution.methods.lam import gradient_norm
from tests.attribution.small import SharedReLU, small_sr

LR = torch.rand(2, 3, 12, 10, generator=torch.Generator().manual_seed(5), dtype=torch.float64)


def network() -> nn.Module:
    return small_sr().double()


def signs(net: nn.Module, reference: Tensor) -> Tensor:
    with torch.no_grad():
        return (net(LR) - net(reference)).sign()


def test_all_the_methods_are_there() -> None:
    peers = "gradient input_x_gradient integrated_gradients smoothgrad guided_backprop deconvnet occlusion deeplift lam"
    assert set(method_names()) == {*peers.split(), "l2x", "difference", "random"}
    assert all(get_method(name).summary for name in method_names())


def test_gradient_is_the_objectives() -> None:
    net, x = network(), LR.clone().requires_grad_(True)
    found = explain(net, LR, method="gradient")
    (expected,) = torch.autograd.grad((net(x) * signs(net, found.reference)).sum(), x)
    torch.testing.assert_close(found.values, expected)
    torch.testing.assert_close(explain(net, LR, method="input_x_gradient").values, expected * LR)


def test_integrated_gradients_converges_to_completeness() -> None:
    errors = [explain(network(), LR, method="integrated_gradients", steps=n).completeness_error.max() for n in (5, 200)]
    assert errors[1] < errors[0]
    assert errors[1] < 1e-3


def test_smoothgrad_follows_its_seed_and_leaves_the_global_one_alone() -> None:
    net = network()
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    first = explain(net, LR, method="smoothgrad", samples=4, seed=1)
    assert torch.equal(torch.rand(3), expected)
    assert torch.equal(first.values, explain(network(), LR, method="smoothgrad", samples=4, seed=1).values)
    assert not torch.equal(first.values, explain(network(), LR, method="smoothgrad", samples=4, seed=2).values)
    gradient = explain(network(), LR, method="gradient").values
    still = explain(network(), LR, method="smoothgrad", samples=2, noise=1e-9).values
    torch.testing.assert_close(still, gradient, rtol=1e-4, atol=1e-6)


def test_occlusion_is_the_fall_of_the_objective() -> None:
    net = network()
    found = explain(net, LR, method="occlusion", window=5, stride=5, reference="black")
    covered = LR.clone()
    covered[:, :, 5:10, 0:5] = 0
    with torch.no_grad():
        fall = ((net(LR) - net(covered)) * signs(net, found.reference)).flatten(1).sum(1)
    torch.testing.assert_close(found.values[:, :, 5:10, 0:5], fall.view(2, 1, 1, 1).expand(2, 3, 5, 5))


@pytest.mark.parametrize("name", ["guided_backprop", "deconvnet"])
def test_relu_methods_change_the_gradient_and_say_when_they_cannot(name: str) -> None:
    gradient = explain(network(), LR, method="gradient").values
    assert not torch.allclose(explain(network(), LR, method=name).values, gradient)
    inplace = explain(small_sr(inplace=True).double(), LR, method=name)
    torch.testing.assert_close(inplace.values, explain(network(), LR, method=name).values)

    class Functional(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return F.relu(x - 0.5) * 2

    with pytest.warns(UserWarning, match="Functional has no torch.nn.ReLU module"):
        plain = explain(Functional(), LR, method=name)
    torch.testing.assert_close(plain.values, explain(Functional(), LR, method="gradient").values)


def test_captums_deeplift_agrees_with_ours_on_a_plain_relu_network() -> None:
    for target in ("image", "neuron:2,5,6"):
        theirs = explain(network(), LR, method="deeplift", target=target)
        assert theirs.completeness_error.max() < 1e-9
        torch.testing.assert_close(explain(network(), LR, target=target).values, theirs.values, rtol=1e-6, atol=1e-9)


def test_what_captum_cannot_do_is_said_and_leaves_no_trace() -> None:
    net = SharedReLU().double()
    before = [sorted(vars(module)) for module in net.modules()]
    with pytest.raises(MethodError, match=r"'deeplift': Captum cannot explain SharedReLU: .*more than once") as caught:
        explain(net, LR, method="deeplift")
    assert "\n" not in str(caught.value)
    assert [sorted(vars(module)) for module in net.modules()] == before
    assert explain(net, LR).completeness_error.max() < 1e-10


def test_a_networks_own_failure_is_not_put_on_captum() -> None:
    with pytest.raises(RuntimeError, match="channels") as caught:
        explain(network(), LR[:, :2], method="deeplift")
    assert not isinstance(caught.value, AttributionError)


def lam_by_hand(net: nn.Module, image: Tensor, steps: int, sigma: float, size: int) -> Tensor:
    """The published rule, written down for one image: kernels of falling width, gradients, differences, sum."""
    axis = torch.arange(size, dtype=torch.float64) - size // 2
    grid = axis.view(-1, 1) ** 2 + axis.view(1, -1) ** 2
    points = []
    for k in range(steps + 1):
        kernel = torch.exp(-grid / (2 * (sigma * (1 - k / steps) + 1e-5) ** 2))
        kernel = (kernel / kernel.sum()).expand(3, 1, size, size)
        points.append(F.conv2d(F.pad(image, [size // 2] * 4, mode="reflect"), kernel, groups=3))
    total = torch.zeros_like(image)
    for previous, point in pairwise(points):
        point.requires_grad_(True)
        out = net(point)
        down, right = out[:, :, 1:, :-1] - out[:, :, :-1, :-1], out[:, :, :-1, 1:] - out[:, :, :-1, :-1]
        window = (down**2 + right**2).sqrt()[:, :, 4:14, 2:11]
        (gradient,) = torch.autograd.grad(window.sum(), point)
        total += gradient * (point.detach() - previous.detach())
    return total


def test_lam_is_the_published_rule() -> None:
    net, image = network(), LR[:1]
    found = explain(net, image, method="lam", target="patch:4,2,10,9", steps=7, sigma=1.2, kernel=9)
    torch.testing.assert_close(found.values, lam_by_hand(net, image, 7, 1.2, 9), rtol=1e-5, atol=1e-7)


def test_lams_reference_and_difference_are_its_own() -> None:
    net = network()
    found = explain(net, LR, method="lam", steps=400, target="patch:2,2,12,12", reference="black")
    assert not torch.equal(found.reference, torch.zeros_like(LR))
    with torch.no_grad():
        change = gradient_norm(net(LR)) - gradient_norm(net(found.reference))
    torch.testing.assert_close(found.delta, change[:, :, 2:14, 2:14].flatten(1).sum(1))
    assert found.completeness_error.max() < 0.01  # a Riemann sum of 400 steps
    ours = explain(net, LR, method="lam", steps=400, detector=False)
    torch.testing.assert_close(ours.delta, (net(LR) - net(found.reference)).detach().abs().flatten(1).sum(1))
    assert ours.completeness_error.max() < 0.01


def test_lam_needs_images() -> None:
    with pytest.raises(AttributionError, match="needs images"):
        explain(nn.Linear(4, 2), torch.rand(2, 4), method="lam", reference="black")
    with pytest.raises(AttributionError, match="its detector needs an image"):
        explain(nn.Flatten(), LR, method="lam")
    with pytest.raises(AttributionError, match="it must be odd"):
        explain(network(), LR, method="lam", kernel=8)


def test_lam_is_finite_on_a_flat_image() -> None:
    found = explain(network(), torch.full((1, 3, 8, 8), 0.5, dtype=torch.float64), method="lam", steps=2)
    assert torch.isfinite(found.values).all()


def test_the_detector_is_the_norm_of_forward_differences() -> None:
    image = torch.tensor([[[[0.0, 3.0], [4.0, 0.0]]]])
    assert gradient_norm(image).tolist() == [[[[5.0, 3.0], [4.0, 0.0]]]]


def test_the_controls_run_no_network() -> None:
    class Forbidden(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            raise AssertionError("run")

    found = explain(Forbidden(), LR, method="difference", reference="mean")
    torch.testing.assert_close(found.values, (LR - LR.mean((2, 3), keepdim=True)).abs())
    assert found.delta.isnan().all()
    noise = explain(Forbidden(), LR, method="random", seed=3)
    assert torch.equal(noise.values, explain(Forbidden(), LR, method="random", seed=3).values)
    assert not torch.equal(noise.values, explain(Forbidden(), LR, method="random", seed=4).values)
    assert noise.completeness_error.isnan().all()


def test_a_new_method_is_one_function(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_METHODS", dict(registry._METHODS))

    @method("share")
    def share(problem, objective, *, power: float = 1.0) -> Tensor:
        """The difference, shared out by size."""
        size = (problem.inputs - problem.reference).abs() ** power
        return size / size.sum((1, 2, 3), keepdim=True) * objective.delta.view(-1, 1, 1, 1)

    found = explain(network(), LR, method="share", power=2)
    assert found.completeness_error.max() < 1e-12
    assert get_method("share").summary == "The difference, shared out by size."
    with pytest.raises(AttributionError, match="did you mean 'power'"):
        explain(network(), LR, method="share", powr=2.0)

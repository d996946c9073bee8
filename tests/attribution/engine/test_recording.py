"""A recorded map is made again by its operations alone, of what its inputs and the network's tensors hold by then."""

from __future__ import annotations

import weakref
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from l2xbench.attribution.engine.paired import paired_forward
from l2xbench.attribution.engine.recording import NotRecordedError, Recording
from tests.attribution.networks import OUTPUTS, all_networks, enliven, streams
from tests.attribution.properties import Network, images

NETWORKS = [
    "EDSR", "SwinIR", "DAT", "SPAN", "SAFMN", "RealCUGAN 2x", "Swin2SR", "NAFNet", "FFTformer", "MMRealSR",
]  # fmt: skip


def made(network: nn.Module, x: Tensor, x_ref: Tensor, output: int | None = None) -> tuple[Tensor, ...]:
    """A map, both outputs, and whether all of it holds."""
    with paired_forward(network, x, x_ref, output=output, unasked=True) as out:
        (m,) = torch.autograd.grad(out.value, out.inputs, (out.value.detach() - out.reference).sign())
    assert out.doubt is not None
    return m * (x - x_ref), out.value.detach(), out.reference, out.doubt


@pytest.mark.parametrize("name", NETWORKS)
def test_made_again_of_another_image(name: str) -> None:
    network, output = enliven(all_networks()[name]()), OUTPUTS.get(name)
    first, first_ref = streams(name, torch.float32)
    x, x_ref = first.clone(), first_ref.clone()
    recording = Recording(lambda: made(network, x, x_ref, output))
    x.copy_(first.flip(-1) * 0.8), x_ref.copy_(first_ref.flip(-2) * 0.9)
    found, expected = recording.replay(), made(network, x, x_ref, output)
    torch.testing.assert_close(found, expected, rtol=0, atol=0)
    assert not torch.equal(found[0], recording.outputs[0]) and not any(t.requires_grad for t in found)


def written_into(x: Tensor) -> Tensor:
    y = torch.zeros(2, 6, 6, 6, dtype=x.dtype)
    y[:, :3], y[:, 3:] = x, x.square()
    y[:, 1:5].mul_(2).relu_()
    return y + torch.arange(6.0, dtype=x.dtype).add_(1)


STEPS: dict[str, Callable[[Tensor], Tensor]] = {
    "a buffer of its own": written_into,
    "views and writing through them": lambda x: x.clone().transpose(1, 2)[:, 1:].mul_(3).contiguous().view(2, 5, 18),
    "pieces": lambda x: torch.cat([part * (i + 1) for i, part in enumerate(x.unbind(1))]),
    "several results": lambda x: torch.var_mean(x, 1)[0] + x.max(1)[0] + x.chunk(3, 1)[2].squeeze(1),
    "constants": lambda x: x * torch.tensor([1.0, 2.0, 3.0], dtype=x.dtype).view(3, 1, 1) + torch.eye(6),
    "complex numbers": lambda x: torch.fft.irfft2(torch.fft.rfft2(x) * torch.fft.rfft2(x).conj()),
}


@pytest.mark.parametrize("name", STEPS)
def test_steps(name: str) -> None:
    network = Network(STEPS[name])
    x, x_ref = images(0)
    recording = Recording(lambda: made(network, x, x_ref))
    x.copy_(images(1)[0]), x_ref.copy_(images(1)[1])
    for _ in range(2):  # nothing of one time is left for the next
        torch.testing.assert_close(recording.replay(), made(network, x, x_ref), rtol=0, atol=0)


def test_weights_are_read_where_they_lie() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 3, 3)).double()
    x, x_ref = images(0)
    recording = Recording(lambda: made(network, x, x_ref))
    with torch.no_grad():
        network[0].weight.mul_(-1.5)
        network[2].bias.add_(1)
    torch.testing.assert_close(recording.replay(), made(network, x, x_ref), rtol=0, atol=0)


def test_tensors_are_let_go_after_their_last_use() -> None:
    alive: list[int] = []
    x = torch.ones(3)
    recording = Recording(lambda: (x.exp().sin().cos().exp(),))
    held: list[weakref.ref[Tensor]] = []
    exp = torch.ops.aten.exp.default

    def followed(given: Tensor) -> Tensor:
        alive.append(sum(each() is not None for each in held))
        result = exp(given)
        held.append(weakref.ref(result))
        return result

    space = recording._replay.__globals__
    name = next(key for key, value in space.items() if value is exp)
    space[name] = followed
    recording.replay()
    assert alive == [0, 0]


@torch.library.custom_op("l2xbench_test::halved", mutates_args=(), schema="(Tensor x) -> Tensor")
def halved(x: Tensor) -> Tensor:
    return x / 2


def test_another_librarys_operation_is_not_recorded() -> None:
    """Its gradients may keep tensors that were made within it, which a replay would not make anew."""
    with pytest.raises(NotRecordedError, match="another library's"):
        Recording(lambda: (halved(torch.ones(3)),))


def test_what_is_not_recorded() -> None:
    x = torch.ones(3)
    for run in (lambda: (torch.rand(3) * x,), lambda: (torch.empty(0).set_(x.untyped_storage()),), lambda: (x.t_(),)):
        with pytest.raises(NotRecordedError):
            Recording(run)


ANSWERS: dict[str, tuple[Callable[[Tensor], Tensor], Tensor, Tensor]] = {
    "a flat row in one stream": (lambda x: nn.functional.layer_norm(x, (6,)), images(0)[0], images(0)[1] * 1e-6),
    "a mask of either": (lambda x: torch.softmax(x.masked_fill(x < -0.3, -torch.inf), -1), *images(0)),
    "a truth that is the same in both": (lambda x: torch.where(x.abs() < 9, x, 2 * x), *images(0)),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_the_answer_of_the_first_time_is_seen_to_hold(name: str) -> None:
    """Where another image has another answer, the recording tells that it does not hold for it."""
    f, first, first_ref = ANSWERS[name]
    network = Network(f)
    x, x_ref = first.clone(), first_ref.clone()
    recording = Recording(lambda: made(network, x, x_ref))
    x.mul_(1.01)
    found = recording.replay()
    assert not found[-1]
    torch.testing.assert_close(found, made(network, x, x_ref), rtol=0, atol=0)
    x.copy_(first.abs() + 1), x_ref.copy_(first.abs() + (20 if "truth" in name else 2))
    assert recording.replay()[-1]

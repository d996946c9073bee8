"""Maps by replay: the same maps, whatever has happened to network, image or machine since the pass was recorded."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from l2xbench.attribution import AttributionError, explain
from l2xbench.attribution.captured import captured_bytes, kept
from l2xbench.attribution.captured.graphs import CAPTURES
from l2xbench.attribution.errors import NotFiniteError
from l2xbench.zoo.archs.carn import CARN
from tests.attribution.captured.replays import CPU, as_ever, assert_same, image, prepared
from tests.attribution.networks import basicsr_networks, enliven, spandrel_networks
from tests.attribution.small import small_sr
from tests.tapes import Tape


def test_the_first_map_is_made_as_ever_the_second_is_recorded_and_the_others_are_replayed(tapes: type[Tape]) -> None:
    network = small_sr()
    counts = []
    for seed in range(4):
        assert_same(explain(network, image(seed)), as_ever(network, image(seed)))
        counts.append((tapes.alive, tapes.replays))
    assert counts == [(0, 0), (1, 2), (1, 3), (1, 4)], "recording replays once more, to compare"


@pytest.mark.parametrize("reference", ["blur", "mean", "black"])
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_references_and_precisions_share_no_mistake(tapes: type[Tape], reference: str, precision: str) -> None:
    network = prepared(small_sr(), precision=precision)
    options = {"reference": reference, "precision": precision}
    assert_same(explain(network, image(1), **options), as_ever(network, image(1), **options))
    assert tapes.replays == 3


def test_one_pass_is_recorded_for_the_image_and_all_patches_and_one_for_neurons(tapes: type[Tape]) -> None:
    network = small_sr()
    targets = ["image", "patch:0,0,10,10", "patch:3,5,9,9", "image", "patch:0,0,10,10"]
    neurons = ["neuron:0,3,4", "neuron:2,11,0", "neuron:1,1,1"]
    for number, target in enumerate([*targets, *neurons]):
        found = explain(network, image(number), target=target)
        assert_same(found, as_ever(network, image(number), target=target))
    assert tapes.alive == 2


def test_several_targets_of_one_pass(tapes: type[Tape]) -> None:
    network = small_sr()
    for number in range(3):
        several = ["patch:0,0,9,9", "image", f"neuron:0,{number},2"]
        found = explain(network, image(number), target=several)
        for one, other in zip(found, as_ever(network, image(number), target=several), strict=True):  # type: ignore[call-overload]
            assert_same(one, other)
    assert tapes.alive == 1


def test_other_sizes_and_batches_are_other_passes(tapes: type[Tape]) -> None:
    network = small_sr()
    shapes = [(8, 9, 1), (9, 8, 1), (8, 9, 2)]
    for seed in range(3):
        for shape in shapes:
            assert_same(explain(network, image(seed, *shape)), as_ever(network, image(seed, *shape)))
    assert tapes.alive == 3


def test_channels_last_images_are_another_pass(tapes: type[Tape]) -> None:
    network = prepared(small_sr())
    other = image(5).contiguous(memory_format=torch.channels_last)
    for _ in range(3):
        assert_same(explain(network, other), as_ever(network, other))


def test_a_map_is_no_view_of_what_the_next_replay_writes(tapes: type[Tape]) -> None:
    network = prepared(small_sr())
    first = explain(network, image(1))
    values, delta = first.values.clone(), first.delta.clone()
    explain(network, image(2))
    assert torch.equal(first.values, values)
    assert torch.equal(first.delta, delta)


def test_the_images_own_tensors_are_not_kept(tapes: type[Tape]) -> None:
    network = prepared(small_sr())
    given = image(1)
    found = explain(network, given).values.clone()
    given.zero_()
    assert torch.equal(explain(network, image(1)).values, found)


def test_the_operations_are_those_of_the_pass(tapes: type[Tape]) -> None:
    network = prepared(small_sr())
    told = [[(o.name, o.kind, o.count, o.where) for o in a.operations] for a in (
        explain(network, image(1)), as_ever(network, image(1))
    )]  # fmt: skip
    assert told[0] == told[1]


class Logarithm(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("offset", torch.tensor(-1.0))

    def forward(self, x: Tensor) -> Tensor:
        return torch.log(x - self.offset)


def test_nan_is_named_by_its_submodule_whenever_it_comes(tapes: type[Tape]) -> None:
    network = prepared(nn.Sequential(nn.Identity(), Logarithm()))
    offset = network[1].offset  # type: ignore[index]
    offset.fill_(0.5)
    with pytest.raises(NotFiniteError, match="first in 1, from log"):
        explain(network, image(1))
    offset.fill_(-1)
    assert_same(explain(network, image(1)), as_ever(network, image(1)))
    assert tapes.alive == 1


def test_an_image_of_nan_is_told_as_ever(tapes: type[Tape]) -> None:
    network = prepared(small_sr())
    broken = image(1)
    broken[0, 0, 0, 0] = torch.nan
    with pytest.raises(AttributionError, match="NaN") as told:
        explain(network, broken)
    with pytest.raises(AttributionError) as expected:
        as_ever(network, broken)
    assert str(told.value) == str(expected.value)


def test_a_target_outside_the_output_is_told_as_ever_and_stops_nothing(tapes: type[Tape]) -> None:
    network = small_sr()
    for _ in range(3):
        with pytest.raises(AttributionError, match="outside the output"):
            explain(network, image(1), target="patch:100,0,9,9")
    prepared(network)
    with pytest.raises(AttributionError, match="outside the output"):
        explain(network, image(1), target="patch:100,0,9,9")
    assert tapes.alive == 1


class Halved(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x).half().float()


def test_what_is_to_be_told_is_told_of_each_map(tapes: type[Tape]) -> None:
    network = Halved()
    for seed in range(4):
        with pytest.warns(UserWarning, match="casts to half precision"):
            explain(network, image(seed))
    assert tapes.alive == 1


def test_threads_take_turns(tapes: type[Tape]) -> None:
    networks = [prepared(small_sr()) for _ in range(2)]
    expected = [[as_ever(network, image(seed)) for seed in range(6)] for network in networks]
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for seed in range(6):
                assert_same(explain(networks[number], image(seed)), expected[number][seed])
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


class Attentive(nn.Module):
    """Attention by PyTorch's own function, which could drop weights at random, and does not."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 12, 1)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.conv(x).flatten(2).transpose(1, 2).chunk(3, dim=-1)
        return F.scaled_dot_product_attention(q, k, v).transpose(1, 2).unflatten(2, x.shape[-2:])


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    **{name: lambda name=name: basicsr_networks()[name]() for name in ("EDSR", "RCAN", "SwinIR")},  # type: ignore[misc]
    "DAT": lambda: spandrel_networks()["DAT"](),
    "CARN": lambda: CARN(scale=2, n_feats=8, n_blocks=1),
    "attention": Attentive,
}


@pytest.mark.parametrize("name", NETWORKS)
def test_the_networks_of_the_field(
    tapes: type[Tape], name: str, caplog: pytest.LogCaptureFixture, request: pytest.FixtureRequest
) -> None:
    if name in ("EDSR", "RCAN", "SwinIR"):
        request.getfixturevalue("with_basicsr")
    network = enliven(NETWORKS[name]())
    for seed in range(3):
        found = explain(network, image(seed, 16, 16))
    assert (tapes.alive, caplog.text) == (1, "")
    assert_same(found, as_ever(network, image(2, 16, 16)))


class Sorted(nn.Module):
    """Picks places by the image: what a choice leaves over is told with its operation."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(x).flatten(2)
        return y.gather(2, y.argsort(2)).view_as(x) + torch.where(y > y.mean(), 1.0, y).view_as(x)


def test_what_a_choice_leaves_over_is_told_of_each_image(tapes: type[Tape]) -> None:
    network = Sorted()
    for seed in range(4):
        found, expected = explain(network, image(seed)), as_ever(network, image(seed))
        assert_same(found, expected)
        residuals = [[o.residual for o in each.operations] for each in (found, expected)]
        assert residuals[0] == pytest.approx(residuals[1], abs=1e-6 * float(expected.delta))
    assert tapes.alive == 1


def test_layers_strict_and_outputs_are_as_ever(tapes: type[Tape]) -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = small_sr()

        def forward(self, x: Tensor) -> list[Tensor]:
            y = self.net(x)
            return [y, F.relu(y - 0.1)]

    network = Two()
    for seed in range(3):
        for output in (0, 1):
            assert_same(explain(network, image(seed), output=output), as_ever(network, image(seed), output=output))
        assert explain(network, image(seed), output=0, layers=["net"]).layers.keys() == {"net"}
    assert tapes.alive == 2


def test_on_a_cpu_many_maps_of_small_images_are_replays_of_their_operations() -> None:
    """To the last bit what the pass as ever gives: tables do not hang on how many a worker has made."""
    assert kept.limit(CPU) == kept.ELSEWHERE
    for build in (small_sr, basicsr_networks()["SwinIR light"]):
        network = enliven(build())
        for seed in range(8):
            found, expected = explain(network, image(seed, 16, 16)), as_ever(network, image(seed, 16, 16))
            assert torch.equal(found.values, expected.values)
            assert torch.equal(found.delta, expected.delta)
            assert bool(captured_bytes(CPU)) == (seed >= CAPTURES["cpu"].earlier)  # type: ignore[attr-defined]
        for seed in range(8):
            explain(network, image(seed, 72, 64))
        del network
        gc.collect()
        assert not captured_bytes(CPU)


def test_another_forward_of_the_class_is_another_pass() -> None:
    class Scales(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.relu(x * 2)

    network = Scales()
    for seed in range(7):
        explain(network, image(seed))
    assert captured_bytes(CPU)
    Scales.forward = lambda self, x: torch.relu(x * 3)  # type: ignore[method-assign]
    assert_same(explain(network, image(9)), as_ever(network, image(9)))


def test_on_a_cpu_a_network_that_cannot_be_recorded_is_no_news(caplog: pytest.LogCaptureFixture) -> None:
    class Routes(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x * 2 if float(x.mean()) > -9 else x

    network = Routes()
    for seed in range(7):
        assert_same(explain(network, image(seed)), as_ever(network, image(seed)))
    assert not caplog.records
    assert not captured_bytes(CPU)

"""What passes through the inside of a network: exact at cuts, sums and concatenations, on whatever networks do."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

import l2xbench
from l2xbench.attribution import AttributionError, explain
from l2xbench.data.images import read_image, to_tensor
from tests.attribution.networks import basicsr_networks, enliven, spandrel_networks
from tests.attribution.small import SharedReLU, small_sr


def ours(name: str, **arch: Any) -> nn.Module:
    """A network of the zoo, small, without its wrapper."""
    from importlib import import_module

    return getattr(import_module(f"l2xbench.zoo.archs.{name.lower()}"), name)(**arch)


def built(source: Callable[[], dict[str, Callable[[], nn.Module]]], name: str) -> nn.Module:
    """A network of a list that is slow to import."""
    return source()[name]()


OF_BASICSR, OF_SPANDREL = partial(built, basicsr_networks), partial(built, spandrel_networks)

CUTS: dict[str, tuple[Callable[[], nn.Module], tuple[str, ...]]] = {
    "EDSR": (partial(OF_BASICSR, "EDSR"), ("conv_first", "upsample", "conv_last")),
    "RCAN": (partial(OF_BASICSR, "RCAN"), ("conv_first", "upsample", "conv_last")),
    "SwinIR": (partial(OF_BASICSR, "SwinIR"), ("conv_first", "conv_before_upsample", "upsample", "conv_last")),
    "SAN": (
        partial(ours, "SAN", scale=2, n_feats=8, n_resgroups=2, n_resblocks=2, reduction=4, nonlocal_reduction=2),
        ("head", "tail"),
    ),
    "DRLN": (partial(ours, "DRLN", scale=2, n_feats=8, groups=(2,), reduction=4), ("head", "upsample", "tail")),
    "CARN": (partial(ours, "CARN", n_feats=8, n_blocks=2), ("entry", "c2", "upsample", "exit")),
    "DAT": (partial(OF_SPANDREL, "DAT"), ("conv_first", "conv_before_upsample", "upsample", "conv_last")),
    "ATD": (partial(OF_SPANDREL, "ATD"), ("conv_first", "conv_before_upsample", "conv_last")),
    "DCTLSA": (partial(OF_SPANDREL, "DCTLSA"), ("fea_conv",)),
    "DRCT": (partial(OF_SPANDREL, "DRCT"), ("conv_first", "conv_before_upsample", "conv_last")),
    "ESRGAN": (partial(OF_SPANDREL, "ESRGAN"), ("model.0", "model.1", "model.10")),
    "GRL": (partial(OF_SPANDREL, "GRL"), ("conv_first", "conv_before_upsample", "conv_last")),
    "HAT": (partial(OF_SPANDREL, "HAT"), ("conv_first", "conv_before_upsample", "conv_last")),
    "OmniSR": (partial(OF_SPANDREL, "OmniSR"), ("input", "up")),
    "PLKSR": (partial(OF_SPANDREL, "PLKSR"), ()),
    "SAFMN": (partial(OF_SPANDREL, "SAFMN"), ("to_feat", "to_img")),
    "SPAN": (partial(OF_SPANDREL, "SPAN"), ("conv_1", "conv_cat", "upsampler")),
    "Swin2SR": (partial(OF_SPANDREL, "Swin2SR"), ("conv_first", "conv_before_upsample", "conv_last")),
}
"""Network -> submodules whose outputs all that differs passes through."""


@pytest.mark.parametrize("name", CUTS)
def test_cuts_sums_and_concatenations(name: str) -> None:
    make, cuts = CUTS[name]
    torch.manual_seed(0)
    network = make() if name in ("SAN", "DRLN", "CARN") else enliven(make())
    x = torch.rand(1, 3, 16, 16)
    for dtype, precision, limit in ((torch.float64, "float64", 1e-10), (torch.float32, "float32", 1e-5)):
        found = explain(network.to(dtype), x.to(dtype), reference="mean", layers=[".", "**"], precision=precision)
        assert float(found.completeness_error) < limit
        for cut in (".", *cuts):
            assert float(found.layers[cut].share) == pytest.approx(1, abs=limit), cut
        assert float(found.layers["."].inputs.share) == pytest.approx(1, abs=limit)
        assert any(layer.joins for layer in found.layers.values()) or name == "PLKSR"
        for layer in found.layers.values():
            for call in layer.calls:
                for join in call.joins:
                    size = max(1.0, float(sum(part.magnitude for part in join.parts)))
                    assert float(sum(part.share for part in join.parts)) == pytest.approx(
                        float(join.share), abs=limit * size
                    )


@pytest.mark.parametrize(
    "make", [partial(OF_BASICSR, "EDSR"), partial(OF_BASICSR, "RCAN"), CUTS["SAN"][0]], ids=["EDSR", "RCAN", "SAN"]
)
def test_a_residual_block_gives_what_skip_and_branch_bring(make: Callable[[], nn.Module]) -> None:
    torch.manual_seed(0)
    found = explain(enliven(make()).double(), torch.rand(1, 3, 12, 12).double(), layers="blocks")
    assert len(found.layers) > 1
    for layer in found.layers.values():
        (join,) = layer.joins
        branch, skip = sorted(join.parts, key=lambda part: part.skip)
        assert skip.skip and not branch.skip
        assert float(skip.share + branch.share) == pytest.approx(float(layer.share), abs=1e-10)
        assert float(branch.magnitude) > 0


def test_the_map_and_the_network_are_as_without() -> None:
    torch.manual_seed(0)
    network = enliven(OF_BASICSR("RCAN"))
    x = torch.rand(1, 3, 12, 12)
    state = deepcopy(network.state_dict())
    before, plain = network(x), explain(network, x)
    found = explain(network, x, layers=[".", "**"])
    assert torch.equal(found.values, plain.values) and torch.equal(found.delta, plain.delta)
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in network.modules())
    assert all(torch.equal(state[key], value) for key, value in network.state_dict().items())
    assert torch.equal(network(x), before)


def test_a_failing_network_keeps_no_hooks() -> None:
    class Fails(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 3, 1)

        def forward(self, x: Tensor) -> Tensor:
            self.conv(x)
            raise RuntimeError("no")

    network = Fails()
    with pytest.raises(RuntimeError, match="no"):
        explain(network, torch.rand(1, 3, 4, 4), layers="conv")
    assert not network.conv._forward_hooks and not network.conv._forward_pre_hooks


def test_values_are_multiplier_times_difference() -> None:
    """By hand: y = w (a x) with a ReLU between that lets all through."""
    network = nn.Sequential(nn.Conv2d(1, 1, 1, bias=False), nn.ReLU(), nn.Conv2d(1, 1, 1, bias=False))
    with torch.no_grad():
        network[0].weight.fill_(2.0)
        network[2].weight.fill_(3.0)
    x = torch.tensor([[[[1.0, 4.0]]]])
    found = explain(network, x, reference="black", layers="*")
    torch.testing.assert_close(found.layers["0"].values, torch.tensor([[[[6.0, 24.0]]]]))
    torch.testing.assert_close(found.layers["0"].inputs.values, found.values)
    torch.testing.assert_close(found.layers["2"].values, torch.tensor([[[[6.0, 24.0]]]]))
    assert found.layers["0"].kind == "Conv2d" and found.layers["0"].parameters == 1


def test_a_batch_is_its_images() -> None:
    torch.manual_seed(0)
    network = enliven(OF_BASICSR("SwinIR"))
    x = torch.rand(2, 3, 8, 8)
    both = explain(network, x, layers=["**.attn", "conv_first"])
    single = [explain(network, x[i : i + 1], layers=["**.attn", "conv_first"]) for i in range(2)]
    for name, layer in both.layers.items():
        assert layer.share.shape == (2,)
        expected = torch.cat([each.layers[name].share for each in single])
        torch.testing.assert_close(layer.share, expected, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(both.layers["conv_first"].share, torch.ones(2), rtol=0, atol=1e-5)


def test_several_targets_have_their_own_layers() -> None:
    network = small_sr()
    found = explain(network, torch.rand(1, 3, 8, 8), target=["image", "neuron:0,3,3"], layers="2")
    assert all(float(each.layers["2"].share) == pytest.approx(1, abs=1e-5) for each in found)
    assert not torch.equal(found[0].layers["2"].values, found[1].layers["2"].values)


class Odd(nn.Module):
    """What networks do to tensors on their way: tuples, in place, as it is, checkpoints, dicts, written memory."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.pair = Pair()
        self.inplace = nn.Sequential(nn.LeakyReLU(0.1, inplace=True), nn.Conv2d(4, 4, 1))
        self.nothing = nn.Identity()
        self.kept = Checkpointed()
        self.mapping = Mapping()
        self.writes = Writes()
        self.last = nn.Conv2d(4, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        a, b = self.pair(x)
        c = self.inplace(a * 1.0) + b
        d = c + self.nothing(c) * 0.5
        e = self.mapping({"x": self.kept(d)})["y"]
        return self.last(self.writes(e))


class Pair(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 4, 1), nn.Conv2d(3, 4, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.first(x), self.second(x).tanh()


class Checkpointed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        y = checkpoint(self.conv, x, use_reentrant=False)
        return checkpoint(lambda t: self.conv(t).sigmoid(), y, use_reentrant=True)


class Mapping(nn.Module):
    def forward(self, given: dict[str, Tensor]) -> dict[str, Tensor]:
        return {"y": given["x"].square() + given["x"]}


class Writes(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        out = torch.zeros_like(x)
        out[:, :2] = x[:, 2:]
        out[:, 2:] = x[:, :2] * 2
        return out


def test_tuples_in_place_steps_and_checkpoints() -> None:
    network = Odd().double()
    found = explain(network, torch.rand(1, 3, 6, 6).double(), reference="mean", layers=[".", "**"])
    layers = found.layers
    for name in ("pair", "kept", "mapping", "writes", "last", "."):
        assert float(layers[name].share) == pytest.approx(1, abs=1e-10), name
    assert len(layers["pair"].outputs.tensors) == 2
    with pytest.raises(AttributionError, match="2 tensors"):
        _ = layers["pair"].values
    assert float(layers["pair.first"].share) == pytest.approx(float(layers["inplace"].share), abs=1e-10)
    assert len(layers["kept.conv"].calls) == 2
    assert all(float(call.outputs.share) == pytest.approx(1, abs=1e-10) for call in layers["kept.conv"].calls)
    # what passes through the identity is what its sum has of it, not what the tensor has
    half = next(join for join in layers["."].joins if join.parts[1].label == "nothing")
    assert float(layers["nothing"].share) == pytest.approx(float(half.parts[1].share), abs=1e-10)
    assert float(layers["nothing"].share) == pytest.approx(1 / 3, abs=1e-10)


def test_memory_written_to_passes_through_the_module_that_gives_it() -> None:
    class Gives(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            out = torch.zeros(x.shape, dtype=x.dtype)
            out[:, :1] = x[:, :1]
            out[:, 1:] = x[:, 1:]
            return out

    network = nn.Sequential(Gives(), nn.Conv2d(3, 3, 1)).double()
    found = explain(network, torch.rand(1, 3, 4, 4).double(), layers="0")
    assert float(found.layers["0"].share) == pytest.approx(1, abs=1e-10)


def test_a_view_of_memory_that_is_written_to_is_refused_by_name() -> None:
    class Half(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x[:, :2]

    class Overwrites(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.part, self.last = Half(), nn.Conv2d(2, 3, 1)

        def forward(self, x: Tensor) -> Tensor:
            x = x * 1.0
            half = self.part(x)
            x[:, :2] = x[:, :2] * 2
            return self.last(half)

    network, x = Overwrites().double(), torch.rand(1, 3, 4, 4).double()
    assert float(explain(network, x, layers="last").layers["last"].share) == pytest.approx(1, abs=1e-10)
    with pytest.raises(AttributionError, match="outputs of 'part': a view of memory that the network writes to"):
        explain(network, x, layers="part")


class Encoder(nn.Module):
    """Each feature is made of the one before it; all are handed on, in the way asked for."""

    def __init__(self, handed_on: Callable[[list[Tensor]], object]) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.handed_on = handed_on

    def forward(self, x: Tensor) -> object:
        early = torch.relu(self.first(x))
        return self.handed_on([early, torch.relu(self.second(early))])


class Decoder(nn.Module):
    def __init__(self, handed_on: Callable[[list[Tensor]], object], early: bool) -> None:
        super().__init__()
        self.encoder, self.last, self.early = Encoder(handed_on), nn.Conv2d(4, 3, 3, padding=1), early

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        features = self.encoder(x)
        early, late = features.values() if isinstance(features, dict) else features
        return early, self.last(late + early if self.early else late)


@pytest.mark.parametrize("handed_on", [tuple, list, lambda found: dict(enumerate(found))])
@pytest.mark.parametrize("early", [True, False])
def test_of_outputs_that_are_made_of_each_other_each_counts_what_goes_out_by_it_alone(
    handed_on: Callable[[list[Tensor]], object], early: bool
) -> None:
    torch.manual_seed(0)
    network, x = Decoder(handed_on, early).double(), torch.rand(1, 3, 8, 8, dtype=torch.float64)
    found = explain(network, x, layers=[".", "encoder", "encoder.first"], output=1).layers
    for name in (".", "encoder", "encoder.first"):  # the whole change passes through each
        assert float(found[name].share) == pytest.approx(1, abs=1e-9), name
    kept, handed = (float(t.share) for t in found["encoder"].outputs.tensors)
    assert (kept == 0) is not early and handed != 0


def test_a_module_that_runs_several_times() -> None:
    found = explain(SharedReLU().double(), torch.rand(1, 3, 6, 6).double(), layers="*")
    relu = found.layers["relu"]
    assert [float(call.outputs.share) for call in relu.calls] == pytest.approx([1, 1], abs=1e-10)
    assert float(relu.share) == pytest.approx(2, abs=1e-10)
    with pytest.raises(AttributionError, match=r"calls\[i\]"):
        _ = relu.values


@pytest.mark.parametrize("traced", [False, True])
def test_scripted_and_traced_parts_are_seen_as_a_whole(traced: bool) -> None:
    torch.manual_seed(0)
    body = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.ReLU())
    compiled = torch.jit.trace(body, torch.rand(1, 4, 6, 6)) if traced else torch.jit.script(body)
    network = nn.Sequential(nn.Conv2d(3, 4, 3), compiled, nn.Conv2d(4, 3, 3))
    found = explain(network, torch.rand(1, 3, 8, 8), layers="**")
    assert list(found.layers) == ["0", "1", "2"]
    assert float(found.layers["1"].share) == pytest.approx(1, abs=1e-5)
    for asked in ("1.0", "1.*"):
        with pytest.raises(AttributionError, match="scripted module '1'"):
            explain(network, torch.rand(1, 3, 8, 8), layers=asked)


def test_names_of_a_wrapped_network_are_its_own() -> None:
    network = l2xbench.load_model("carn", weights="random", arch={"type": "CARN", "n_feats": 4, "n_blocks": 1})
    found = explain(network, torch.rand(1, 3, 6, 6), layers=["entry", "b*"])
    assert list(found.layers) == ["entry", "b1"]
    assert list(explain(nn.DataParallel(small_sr()), torch.rand(1, 3, 6, 6), layers="2").layers) == ["2"]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("bdoy", "layers: the submodule 'bdoy' does not exist; did you mean 'body'"),
        ("body.9", "does not exist"),
        ([], "layers=\\[\\]: give names"),
        ("unused", "unused: not called in this pass"),
        ("blocks", "has no repeated parts"),
    ],
)
def test_what_is_asked_for_wrongly_is_told(asked: Any, said: str) -> None:
    class Small(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = nn.Sequential(nn.Conv2d(3, 3, 1))
            self.unused = nn.Conv2d(3, 3, 1)

        def forward(self, x: Tensor) -> Tensor:
            return self.body(x)

    with pytest.raises(AttributionError, match=said):
        explain(Small(), torch.rand(1, 3, 4, 4), layers=asked)


def test_methods_and_tiles_that_see_no_layers() -> None:
    with pytest.raises(AttributionError, match="'gradient' does not look inside"):
        explain(small_sr(), torch.rand(1, 3, 8, 8), method="gradient", layers="0")
    with pytest.raises(AttributionError, match="tile=4"):
        explain(small_sr(), torch.rand(1, 3, 8, 8), tile=4, overlap=1, layers="0")
    with pytest.raises(AttributionError, match="was not asked for"):
        _ = explain(small_sr(), torch.rand(1, 3, 8, 8)).layers["0"]


def crop_of_the_issue(shared: Path) -> Tensor:
    """Rows and columns 60 to 107 of the LR image img_005 of Urban100."""
    image = read_image(shared / "data/Urban100/image_SRF_4/img_005_SRF_4_LR.png")
    return to_tensor(image)[..., 60:108, 60:108]


TABLE = {
    "carn-m": {
        "entry": 1,
        "c3": 1,
        "upsample": 1,
        "exit": 1,
        "b1": 0.0379,
        "b2": 0.0122,
        "b3": 0.0561,
        "c1": 0.0122,
        "c2": 0.0561,
    },
    "edsr-compact": {"conv_first": 1, "upsample": 1, "conv_after_body": 0.1476},
    "swinir-compact": {
        "conv_after_body": 0.1340,
        "layers.0.residual_group.blocks.0.attn": -0.0120,
        "layers.0.residual_group.blocks.3.attn": 0.0208,
        "layers.1.residual_group.blocks.3.attn": 0.0109,
        "layers.0.residual_group.blocks.0.mlp": 0.0166,
        "layers.1.residual_group.blocks.3.mlp": 0.0118,
    },
}


@pytest.mark.parametrize("name", TABLE)
def test_shares_of_the_published_crop(name: str, shared: Path) -> None:
    weights = shared / "checkpoints/carn_m_multiscale.pth" if name == "carn-m" else None
    network = l2xbench.load_model(name, weights=weights)
    found = explain(network, crop_of_the_issue(shared), layers=list(TABLE[name]))
    for layer, share in TABLE[name].items():
        assert float(found.layers[layer].share) == pytest.approx(share, abs=1e-3), layer

"""Our own architectures: scales, sizes, and what they do better than the originals with the same numbers."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import l2xbench
from l2xbench.zoo.archs import blocks_nonlocal
from l2xbench.zoo.archs.blocks import MeanShift, upsampler
from l2xbench.zoo.archs.blocks_nonlocal import NonLocalAttention, chunk_rows
from l2xbench.zoo.archs.carn import CARN
from l2xbench.zoo.archs.mdsr import MDSR
from l2xbench.zoo.archs.rnan import RNAN
from l2xbench.zoo.archs.san import SecondOrderAttention, covariance, matrix_sqrt
from l2xbench.zoo.cards import make_card

HERE = {"source": "card.yaml", "folder": Path()}
SMALL: dict[str, dict[str, object]] = {
    "CARN": {"n_feats": 8},
    "MDSR": {"n_feats": 4, "n_resblocks": 2},
    "MSRN": {"n_feats": 4, "n_blocks": 2},
    "DRLN": {"n_feats": 8, "groups": (2, 2), "reduction": 4},
    "HAN": {"n_feats": 8, "n_resgroups": 2, "n_resblocks": 2, "reduction": 4},
    "SAN": {"n_feats": 8, "n_resgroups": 2, "n_resblocks": 2, "reduction": 4},
    "RNAN": {"n_feats": 8, "n_resgroups": 3},
}


def build(name: str, **arguments: object) -> nn.Module:
    torch.manual_seed(0)
    made = getattr(import_module(f"l2xbench.zoo.archs.{name.lower()}"), name)(**{**SMALL[name], **arguments})
    assert isinstance(made, nn.Module)
    return made


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("name", SMALL)
def test_every_size_is_a_parameter(name: str, scale: int) -> None:
    lr = torch.rand(2, 3, 8, 10)
    assert build(name, scale=scale)(lr).shape == (2, 3, 8 * scale, 10 * scale)


@pytest.mark.parametrize("name", SMALL)
def test_any_lr_size_through_the_loader(name: str) -> None:
    card = make_card({"name": "net", "provider": "l2xbench", "scale": 2, "arch": {"type": name, **SMALL[name]}}, **HERE)
    network = l2xbench.load_model(card, weights="random")
    assert network(torch.rand(1, 3, 3, 5)).shape == (1, 3, 6, 10)


@pytest.mark.parametrize("name", SMALL)
def test_the_whole_batch_is_treated_alike(name: str) -> None:
    network, lr = build(name).double(), torch.rand(2, 3, 6, 6, dtype=torch.float64)
    torch.testing.assert_close(network(lr)[1:], network(lr[1:]))


def test_the_mobile_variant_shares_its_residual_blocks() -> None:
    network = CARN(group=4, n_feats=8)
    assert {key.split(".")[1] for key in network.state_dict() if key.startswith("b1.b")} == {"b1"}


@pytest.mark.parametrize("make", [CARN, MDSR])
def test_a_scale_that_the_network_does_not_hold(make: type[nn.Module]) -> None:
    with pytest.raises(ValueError, match="scale 3: this network has 2, 4"):
        make(scale=3, scales=(2, 4))


@pytest.mark.parametrize("scale", [0, 1, 5, 6])
def test_upsampling_goes_by_threes_or_twos(scale: int) -> None:
    with pytest.raises(ValueError, match=f"scale {scale}: must be 3 or a power of two"):
        upsampler(scale, 4)


def test_mean_shifts_cancel_and_are_no_parameters() -> None:
    lr = torch.rand(1, 3, 4, 4) * 255
    there, back = MeanShift(-1, 255.0), MeanShift(1, 255.0)
    torch.testing.assert_close(back(there(lr)), lr)
    assert there(lr)[0, 0, 0, 0] == pytest.approx(float(lr[0, 0, 0, 0]) - 255 * 0.4488, abs=1e-4)
    assert not list(there.parameters())


@pytest.mark.parametrize("over", ["keys", "queries"])
@pytest.mark.parametrize("pooled", [False, True])
def test_chunks_of_attention_are_the_whole(over: str, pooled: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    attention = NonLocalAttention(6, 4, over=over, pooled=pooled).double()
    nn.init.normal_(attention.W.weight)
    x = torch.randn(2, 6, 7, 8, dtype=torch.float64)
    monkeypatch.setattr(blocks_nonlocal, "CHUNK_ELEMENTS", 1000)
    assert 1 < chunk_rows(2, 56) < 56

    query, key, value = (layer(x).flatten(2) for layer in (attention.theta, attention.phi, attention.g))
    weights = (query.transpose(1, 2) @ key).softmax(dim=2 if over == "keys" else 1)
    expected = x + attention.W((value @ weights.transpose(1, 2)).view(2, 4, 7, 8))
    torch.testing.assert_close(attention(x), expected)


def test_attention_starts_as_the_identity() -> None:
    x = torch.randn(1, 6, 4, 4)
    assert torch.equal(NonLocalAttention(6, 3)(x), x)


def test_covariance_is_the_covariance() -> None:
    x = torch.randn(2, 5, 6, 7, dtype=torch.float64) + 100
    expected = torch.stack([torch.cov(image.flatten(1), correction=0) for image in x])
    torch.testing.assert_close(covariance(x), expected)


def positive(seed: int) -> Tensor:
    """Two well-conditioned symmetric positive matrices."""
    factor = torch.randn(2, 4, 9, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return factor @ factor.transpose(1, 2) + torch.eye(4, dtype=torch.float64)


def test_matrix_sqrt_converges_and_has_gradients() -> None:
    matrix = positive(0)
    root = matrix_sqrt(matrix, iterations=20)
    torch.testing.assert_close(root @ root, matrix)
    assert torch.autograd.gradcheck(matrix_sqrt, matrix.requires_grad_())


def test_second_order_attention_looks_at_the_centre() -> None:
    attention = SecondOrderAttention(8, 4, window=4)
    x = torch.randn(1, 8, 7, 4)
    outside = x.clone()
    outside[:, :, [0, 5, 6]] += 1
    assert torch.equal(attention.describe(x), attention.describe(outside))
    inside = x.clone()
    inside[:, :, 4] += torch.randn(8, 4)
    assert not torch.equal(attention.describe(x), attention.describe(inside))


def test_rnan_tells_its_need_for_even_sizes() -> None:
    assert RNAN.multiple == 2
    with pytest.raises(RuntimeError):
        build("RNAN")(torch.rand(1, 3, 7, 8))

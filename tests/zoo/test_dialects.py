"""From the authors' key names to BasicSR's, and from multi-scale files to networks of fewer scales."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import l2xbench
from l2xbench.errors import RequestError
from l2xbench.zoo.archs.blocks import ChannelAttention, ImageFrame, Residual, conv, conv_relu_conv, residual_block
from l2xbench.zoo.archs.carn import CARN
from l2xbench.zoo.archs.mdsr import MDSR
from l2xbench.zoo.cards import ModelCard, make_card
from l2xbench.zoo.dialects import is_constant, mean_colour, to_native

EDSR = {"type": "EDSR", "num_in_ch": 3, "num_out_ch": 3, "num_feat": 8, "num_block": 3, "upscale": 4, "res_scale": 1}
RCAN = {"type": "RCAN", "num_in_ch": 3, "num_out_ch": 3, "num_feat": 8, "num_group": 2, "num_block": 2}
RCAN |= {"squeeze_factor": 4, "upscale": 4}


def card(provider: str, arch: dict[str, Any], **keys: Any) -> ModelCard:
    return make_card({"name": "net", "provider": provider, "arch": arch, **keys}, source="card.yaml", folder=Path())


class AuthorsNetwork(ImageFrame):
    """EDSR and RCAN with the authors' names, the mean shift a layer like any other."""

    def __init__(self, arch: dict[str, Any]) -> None:
        features = arch["num_feat"]
        super().__init__(arch["upscale"], features, 255.0)
        if arch["type"] == "EDSR":
            blocks = [residual_block(features) for _ in range(arch["num_block"])]
        else:
            blocks = [self.group(features, arch) for _ in range(arch["num_group"])]
        self.body = nn.Sequential(*blocks, conv(features, features))

    @staticmethod
    def group(features: int, arch: dict[str, Any]) -> Residual:
        attention = arch["squeeze_factor"]
        blocks = [
            Residual(*conv_relu_conv(features), ChannelAttention(features, attention)) for _ in range(arch["num_block"])
        ]
        return Residual(*blocks, conv(features, features))

    def features(self, x: Tensor) -> Tensor:
        return x + self.body(x)


def authors_network(arch: dict[str, Any]) -> AuthorsNetwork:
    torch.manual_seed(0)
    return AuthorsNetwork(arch).double()


@pytest.mark.parametrize("arch", [EDSR, RCAN], ids=["EDSR", "RCAN"])
@pytest.mark.parametrize("moved", [False, True], ids=["as constructed", "moved by training"])
def test_basicsr_computes_what_the_authors_compute(arch: dict[str, Any], moved: bool) -> None:
    official = authors_network(arch)
    if moved:
        for shift in (official.sub_mean, official.add_mean):
            shift.weight += 0.01 * torch.randn_like(shift.weight)
            shift.bias += torch.randn_like(shift.bias)
    network = l2xbench.load_model(card("basicsr", arch), weights=official.state_dict())
    lr = torch.rand(1, 3, 5, 7, dtype=torch.float64)
    torch.testing.assert_close(network(lr), official(lr * 255) / 255, rtol=0, atol=1e-12)


@pytest.mark.parametrize("arch", [EDSR, RCAN], ids=["EDSR", "RCAN"])
def test_both_dialects_are_the_same_network(arch: dict[str, Any]) -> None:
    official = authors_network(arch).state_dict()
    network = l2xbench.load_model(card("basicsr", arch), weights=official)
    native = network.core.state_dict()
    assert to_native(arch["type"], native, arch) == native
    again = l2xbench.load_model(card("basicsr", arch), weights=native)
    without_shift = {key: value for key, value in official.items() if not is_constant(key)}
    third = l2xbench.load_model(card("basicsr", arch), weights=without_shift)
    lr = torch.rand(1, 3, 5, 7, dtype=torch.float64)
    assert torch.equal(network(lr), again(lr))
    assert torch.equal(network(lr), third(lr))


def test_a_mean_shift_of_another_range_is_refused() -> None:
    official = authors_network(EDSR).state_dict()
    official["sub_mean.bias"] = official["sub_mean.bias"] / 255
    message = r"sub_mean.bias: found a mean colour of 0.0018, .* needed about 0.4488, .*img_range"
    with pytest.raises(RequestError, match=message):
        l2xbench.load_model(card("basicsr", EDSR), weights=official)


def test_other_networks_keep_names_and_means() -> None:
    state_dict = {"head.0.weight": torch.zeros(1), "anything": torch.ones(1)}
    assert to_native("HAN", state_dict, {}) == state_dict
    assert mean_colour("HAN", state_dict, {}) is None


def test_an_unknown_key_stays_and_is_refused() -> None:
    official = authors_network(EDSR).state_dict() | {"body.0.surplus.weight": torch.zeros(1)}
    with pytest.raises(RequestError, match="unexpected 1 key"):
        l2xbench.load_model(card("basicsr", EDSR), weights=official)


def test_a_missing_key_is_refused() -> None:
    official = dict(authors_network(EDSR).state_dict())
    del official["body.1.body.2.bias"]
    with pytest.raises(RequestError, match="missing 1 key"):
        l2xbench.load_model(card("basicsr", EDSR), weights=official)


@pytest.mark.parametrize("make", [CARN, MDSR])
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_the_card_chooses_the_scale_of_a_multi_scale_file(make: type[CARN] | type[MDSR], scale: int) -> None:
    torch.manual_seed(0)
    sizes = {"n_feats": 4} | ({"n_resblocks": 2} if make is MDSR else {})
    official = make(scale=scale, **sizes).eval()
    lr = torch.rand(1, 3, 5, 6)
    fewer: list[int] = [] if make is CARN else [scale]
    for scales in ([2, 3, 4], fewer):
        arch = {"type": make.__name__, "scales": scales, **sizes}
        network = l2xbench.load_model(card("l2xbench", arch, scale=scale), weights=official.state_dict())
        assert network.scale == scale
        assert torch.equal(network(lr), official(lr))
    kept = sum(parameter.numel() for parameter in network.parameters())
    assert kept < sum(parameter.numel() for parameter in official.parameters())


def test_two_scales_that_disagree_are_refused() -> None:
    with pytest.raises(RequestError, match="arch.scale: found 3, but scale is 2"):
        l2xbench.load_model(card("l2xbench", {"type": "CARN", "scale": 3}, scale=2), weights="random")


def test_swinir_files_of_another_training_size_fit() -> None:
    arch = {"type": "SwinIR", "upscale": 2, "window_size": 4, "embed_dim": 8, "depths": [2], "num_heads": [2]}
    arch |= {"mlp_ratio": 2, "upsampler": "pixelshuffledirect"}
    trained = l2xbench.load_model(card("basicsr", arch | {"img_size": 16}), weights="random")
    network = l2xbench.load_model(card("basicsr", arch | {"img_size": 8}), weights=trained.core.state_dict())
    lr = torch.rand(1, 3, 8, 12)
    torch.testing.assert_close(network(lr), trained(lr))


@pytest.mark.parametrize(
    ("key", "constant"),
    [
        ("sub_mean.weight", True),
        ("add_mean.shifter.bias", True),
        ("layers.0.residual_group.blocks.1.attn_mask", True),
        ("layers.0.residual_group.blocks.1.attn.relative_position_index", True),
        ("layers.0.residual_group.blocks.1.attn.relative_coords_table", True),
        ("layers.0.residual_group.blocks.1.attn.relative_position_bias_table", False),
        ("head.0.weight", False),
    ],
)
def test_what_a_file_may_lack(key: str, constant: bool) -> None:
    assert is_constant(key) is constant

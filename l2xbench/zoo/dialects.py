"""From the authors' key names to those of the implementation that we build.

Our own architectures keep the authors' names. EDSR and RCAN are BasicSR's, which renamed everything and took the mean
shift out of the weights: a checkpoint of either dialect is accepted, and recognised by its keys.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from l2xbench.errors import RequestError

StateDict = Mapping[str, Tensor]
Arch = Mapping[str, Any]

_CONSTANT = re.compile(
    r"(sub|add)_mean\.(shifter\.)?(weight|bias)|(.+\.)?(attn_mask|relative_position_index|relative_coords_table)"
)
_DIV2K_MEAN = (0.4488, 0.4371, 0.4040)
_FARTHEST_MEAN = 0.05  # training moves a mean shift by less; another input range by more
_OFFICIAL_SCALES = (2, 3, 4)

# The authors' names in EDSR and RCAN -> BasicSR's; the first pattern that fits counts.
_FRAME = {
    r"head\.0\.(\w+)": r"conv_first.\1",
    r"body\.\d+\.(\w+)": r"conv_after_body.\1",
    r"tail\.0\.(\d+)\.(\w+)": r"upsample.\1.\2",
    r"tail\.1\.(\w+)": r"conv_last.\1",
}
_TO_BASICSR = {
    "EDSR": {
        **_FRAME,
        r"body\.(\d+)\.body\.0\.(\w+)": r"body.\1.conv1.\2",
        r"body\.(\d+)\.body\.2\.(\w+)": r"body.\1.conv2.\2",
    },
    "RCAN": {
        **_FRAME,
        r"body\.(\d+)\.body\.(\d+)\.body\.([02])\.(\w+)": r"body.\1.residual_group.\2.rcab.\3.\4",
        r"body\.(\d+)\.body\.(\d+)\.body\.3\.conv_du\.0\.(\w+)": r"body.\1.residual_group.\2.rcab.3.attention.1.\3",
        r"body\.(\d+)\.body\.(\d+)\.body\.3\.conv_du\.2\.(\w+)": r"body.\1.residual_group.\2.rcab.3.attention.3.\3",
        r"body\.(\d+)\.body\.\d+\.(\w+)": r"body.\1.conv.\2",
    },
}


def is_constant(key: str) -> bool:
    """Whether a key holds what the constructor knows (mean shift, index table, mask), so that a file may lack it."""
    return _CONSTANT.fullmatch(key) is not None


def to_native(arch_type: str, state_dict: StateDict, arch: Arch) -> dict[str, Tensor]:
    """`state_dict` under the keys of the architecture `arch_type`; keys that need no change stay as they are.

    Args:
        arch_type: the class, as in a card's `arch.type`.
        state_dict: key -> tensor, in the authors' dialect or in the architecture's own.
        arch: the constructor's arguments.

    Raises:
        RequestError: the mean shift of EDSR or RCAN is not near the architecture's mean colour.
    """
    if arch_type in _TO_BASICSR and "head.0.weight" in state_dict:
        return _to_basicsr(_TO_BASICSR[arch_type], state_dict, arch)
    if arch_type == "CARN":
        return _one_scale_of_carn(state_dict, arch)
    if arch_type == "MDSR":
        return _some_scales_of_mdsr(state_dict, arch)
    if arch_type in ("SwinIR", "Swin2SR"):
        # the masks follow from the size of the images that a file was trained on, which need not be the card's
        return {key: value for key, value in state_dict.items() if not key.endswith(".attn_mask")}
    return dict(state_dict)


def mean_colour(arch_type: str, state_dict: StateDict, arch: Arch) -> Tensor | None:
    """The mean that BasicSR's EDSR and RCAN must subtract, (1, 3, 1, 1) in [0, 1], float64; None for other networks.

    BasicSR keeps it as the attribute `mean`, outside the state dict, and rounds the mean in [0, 1] to float32, where
    the authors round it in [0, 255]: that alone moves outputs by 1e-8.
    """
    if arch_type not in _TO_BASICSR:
        return None
    return _mean_shift(state_dict, arch).mean[None, :, None, None]


class _MeanShift(NamedTuple):
    """The authors' two mean shifts as `matrix` (x - range * mean) on LR, `exit` y + `exit_bias` on SR.

    They are the identity and the mean of DIV2K, unless training moved them: the authors' code at first did not freeze
    them as it meant to.
    """

    matrix: Tensor
    mean: Tensor
    exit: Tensor
    exit_bias: Tensor


def _mean_shift(state_dict: StateDict, arch: Arch) -> _MeanShift:
    """Read from the keys of the authors' dialect; where they are missing, as constructed. All float64."""
    expected = torch.tensor(arch.get("rgb_mean", _DIV2K_MEAN), dtype=torch.float32)
    input_range = float(arch.get("img_range", 255.0))
    defaults = {
        "weight": torch.eye(3),
        "sub_mean.bias": -input_range * expected,
        "add_mean.bias": input_range * expected,
    }

    def given(key: str) -> Tensor:
        default = defaults.get(key, defaults["weight"])
        value = state_dict.get(key, default).detach().double().cpu()
        return value.reshape(default.shape)

    matrix = given("sub_mean.weight")
    mean = -torch.linalg.solve(matrix, given("sub_mean.bias")) / input_range
    if not torch.allclose(mean, expected.double(), rtol=0, atol=_FARTHEST_MEAN):
        raise RequestError(
            f"sub_mean.bias: found a mean colour of {_numbers(mean)} for input in [0, {input_range:g}], "
            f"needed about {_numbers(expected)}: was this trained with another input range (arch.img_range)?"
        )
    return _MeanShift(matrix, mean, given("add_mean.weight"), given("add_mean.bias"))


def _numbers(values: Tensor) -> str:
    return ", ".join(f"{value:.4f}" for value in values.tolist())


def _to_basicsr(names: Mapping[str, str], state_dict: StateDict, arch: Arch) -> dict[str, Tensor]:
    native = {}
    for key, value in state_dict.items():
        if not is_constant(key):
            match = next((m for pattern in names if (m := re.fullmatch(pattern, key))), None)
            native[match.expand(names[match.re.pattern]) if match else key] = value
    shift = _mean_shift(state_dict, arch)
    rest = shift.exit_bias - float(arch.get("img_range", 255.0)) * shift.mean
    identity = torch.eye(3).double()
    moved = not (torch.equal(shift.matrix, identity) and torch.equal(shift.exit, identity) and rest.abs().max() < 1e-9)
    if moved and {"conv_first.weight", "conv_last.weight", "conv_last.bias"} <= native.keys():
        # what BasicSR cannot express as a mean goes into the convolution beside it, with no loss
        native["conv_first.weight"] = _along("oihw,ij->ojhw", native["conv_first.weight"], shift.matrix)
        native["conv_last.weight"] = _along("oihw,po->pihw", native["conv_last.weight"], shift.exit)
        native["conv_last.bias"] = (_along("o,po->p", native["conv_last.bias"], shift.exit) + rest).to(
            native["conv_last.bias"]
        )
    return native


def _along(equation: str, weight: Tensor, matrix: Tensor) -> Tensor:
    return torch.einsum(equation, weight.double().cpu(), matrix).to(weight)


def _one_scale_of_carn(state_dict: StateDict, arch: Arch) -> dict[str, Tensor]:
    """A multi-scale file for a network of one scale: that scale's upsampler, the others are left."""
    if arch.get("scales", _OFFICIAL_SCALES):
        return dict(state_dict)
    wanted = f"upsample.up{arch.get('scale', 4)}."
    native = {}
    for key, value in state_dict.items():
        if key.startswith(wanted):
            native["upsample.up." + key.removeprefix(wanted)] = value
        elif not re.match(r"upsample\.up\d", key):
            native[key] = value
    return native


def _some_scales_of_mdsr(state_dict: StateDict, arch: Arch) -> dict[str, Tensor]:
    """The authors' file holds scales 2, 3 and 4 in this order; a network of fewer takes what it needs."""
    scales = list(arch.get("scales", _OFFICIAL_SCALES))
    held = {match[1] for key in state_dict if (match := re.match(r"upsample\.(\d+)\.", key))}
    if len(held) != len(_OFFICIAL_SCALES) or not set(scales) < set(_OFFICIAL_SCALES):
        return dict(state_dict)
    position = {str(_OFFICIAL_SCALES.index(scale)): str(i) for i, scale in enumerate(scales)}
    native = {}
    for key, value in state_dict.items():
        match = re.fullmatch(r"(pre_process|upsample)\.(\d+)\.(.+)", key)
        if match is None:
            native[key] = value
        elif match[2] in position:
            native[f"{match[1]}.{position[match[2]]}.{match[3]}"] = value
    return native

"""CARN and CARN-M: Ahn, Kang and Sohn, "Fast, Accurate, and Lightweight Super-Resolution with Cascading Residual
Network", ECCV 2018, arXiv:1803.08664.

What the paper changed: *cascading*. After every block a 1 x 1 convolution looks at the outputs of all blocks so far,
inside a block of residual blocks as well as among these blocks. CARN-M makes it mobile: 3 x 3 convolutions in groups,
followed by a 1 x 1, with one set of weights for the three residual blocks of a cascading block.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from l2xbench.zoo.archs.blocks import RectifiedResidual, conv, conv_relu_conv
from l2xbench.zoo.archs.blocks_cascade import Upsampler, fusion, mean_shift


class Cascade(nn.Module):
    """Blocks `b<i>`, each followed by a fusion `c<i>` of the input and all outputs so far: (N, C, H, W) -> same.

    With `shared`, one block `b1` is run in every place.
    """

    def __init__(self, features: int, blocks: Sequence[nn.Module], length: int, shared: bool = False) -> None:
        super().__init__()
        self.order = [f"b{1 if shared else i}" for i in range(1, length + 1)]
        for name, block in zip(dict.fromkeys(self.order), blocks, strict=True):
            self.add_module(name, block)
        for i in range(1, length + 1):
            self.add_module(f"c{i}", fusion(features * (i + 1), features))

    def cascade(self, x: Tensor) -> Tensor:
        seen = out = x
        for i, name in enumerate(self.order, start=1):
            seen = torch.cat([seen, self.get_submodule(name)(out)], dim=1)
            out = self.get_submodule(f"c{i}")(seen)
        return out

    def forward(self, x: Tensor) -> Tensor:
        return self.cascade(x)


def _residual_block(features: int, group: int) -> nn.Module:
    if group == 1:
        return RectifiedResidual(*conv_relu_conv(features))
    return RectifiedResidual(
        conv(features, features, groups=group),
        nn.ReLU(),
        conv(features, features, groups=group),
        nn.ReLU(),
        conv(features, features, kernel=1),
    )


class CARN(Cascade):
    """RGB in [0, 1], (N, 3, H, W) -> (N, 3, sH, sW). CARN-M is `group=4`.

    Args:
        scale: the factor that is run.
        scales: the factors that the network holds, as the official checkpoints do; empty for a network of one scale.
        group: groups of the 3 x 3 convolutions; more than 1 also shares the residual blocks' weights.
        n_feats, n_blocks: channels, and blocks on both levels of the cascade.
    """

    def __init__(
        self,
        scale: int = 4,
        scales: Sequence[int] = (2, 3, 4),
        group: int = 1,
        n_feats: int = 64,
        n_blocks: int = 3,
    ) -> None:
        mobile = group > 1

        def block() -> Cascade:
            residual = [_residual_block(n_feats, group) for _ in range(1 if mobile else n_blocks)]
            return Cascade(n_feats, residual, n_blocks, shared=mobile)

        super().__init__(n_feats, [block() for _ in range(n_blocks)], n_blocks)
        self.scale, self.scales = scale, tuple(scales)
        self.sub_mean = mean_shift(-1)
        self.add_mean = mean_shift(1)
        self.entry = conv(3, n_feats)
        self.upsample = Upsampler(n_feats, scale, scales, groups=group)
        self.exit = conv(n_feats, 3)

    def run_at(self, scale: int) -> None:
        """Choose the upsampler of `scale`, one of `scales`."""
        self.upsample.run_at(scale)
        self.scale = scale

    def forward(self, x: Tensor) -> Tensor:
        features = self.cascade(self.entry(self.sub_mean(x)))
        return self.add_mean(self.exit(self.upsample(features)))

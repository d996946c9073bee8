"""MDSR: Lim, Son, Kim, Nah and Lee, "Enhanced Deep Residual Networks for Single Image Super-Resolution", CVPRW 2017,
arXiv:1707.02921.

What the paper changed: one network for several scales. Each scale has its own two 5 x 5 residual blocks at the entry
and its own upsampler at the exit; the residual blocks between, 80 without batch normalization, serve all.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from l2xbench.zoo.archs.blocks import ImageFrame, conv, residual_block, upsampler


class MDSR(ImageFrame):
    """RGB in [0, `input_range`], (N, 3, H, W) -> (N, 3, sH, sW).

    Args:
        scale: the factor that is run, one of `scales`.
        scales: the factors that the network holds.
        n_resblocks, n_feats: the shared residual blocks, and the channels.
        input_range: the largest value of a pixel, 255 as published.

    Raises:
        ValueError: `scale` is not among `scales`.
    """

    def __init__(
        self,
        scale: int = 4,
        scales: Sequence[int] = (2, 3, 4),
        n_resblocks: int = 80,
        n_feats: int = 64,
        input_range: float = 255.0,
    ) -> None:
        super().__init__(scale, n_feats, input_range, tail=nn.Sequential(conv(n_feats, 3)))
        self.scales = tuple(scales)
        self.run_at(scale)
        self.pre_process = nn.ModuleList(
            nn.Sequential(residual_block(n_feats, kernel=5), residual_block(n_feats, kernel=5)) for _ in scales
        )
        self.body = nn.Sequential(*(residual_block(n_feats) for _ in range(n_resblocks)), conv(n_feats, n_feats))
        self.upsample = nn.ModuleList(upsampler(each, n_feats) for each in scales)

    def run_at(self, scale: int) -> None:
        """Choose the entry and the upsampler of `scale`.

        Raises:
            ValueError: it is not among `scales`.
        """
        if scale not in self.scales:
            raise ValueError(f"scale {scale}: this network has {', '.join(map(str, self.scales))}")
        self.scale, self.active = scale, self.scales.index(scale)

    def features(self, x: Tensor) -> Tensor:
        x = self.pre_process[self.active](x)
        return self.upsample[self.active](x + self.body(x))

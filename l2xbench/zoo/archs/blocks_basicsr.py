"""What BasicSR's EDSR and RCAN have in common, under its key names."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from l2xbench.zoo.archs.blocks import conv, upsampler


class MeanFrame(nn.Module):
    """Takes the mean colour off; `conv_first`, `body` with a skip around it, `upsample`, `conv_last`; puts it on."""

    mean: Tensor

    def __init__(
        self,
        num_in_ch: int,
        num_out_ch: int,
        num_feat: int,
        body: Callable[[], nn.Module],
        upscale: int,
        img_range: float,
        rgb_mean: Sequence[float],
    ) -> None:
        """A frame of these sizes.

        Args:
            num_in_ch, num_out_ch, num_feat: channels of input, output and inside.
            body: makes the body, (N, num_feat, H, W) -> same; called after `conv_first` has drawn its weights.
            upscale: the factor, 3 or a power of two; 1 for an image of the same size.
            img_range: what pixels are multiplied by inside.
            rgb_mean: the mean colour in [0, 1].
        """
        super().__init__()
        self.scale = upscale
        self.img_range = img_range
        # no key of a checkpoint, and no parameter
        self.register_buffer("mean", torch.tensor(tuple(rgb_mean)).view(1, -1, 1, 1), persistent=False)
        self.conv_first = conv(num_in_ch, num_feat)
        self.body = body()
        self.conv_after_body = conv(num_feat, num_feat)
        self.upsample = nn.Sequential() if upscale == 1 else upsampler(upscale, num_feat)
        self.conv_last = conv(num_feat, num_out_ch)

    def forward(self, x: Tensor) -> Tensor:
        mean = self.mean.to(x.dtype)
        x = self.conv_first((x - mean) * self.img_range)
        x = self.conv_after_body(self.body(x)) + x
        return self.conv_last(self.upsample(x)) / self.img_range + mean

"""A network's parameters as one vector, so that an optimiser's step is a few kernels whatever the network."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


def views(vector: Tensor, like: Sequence[Tensor]) -> list[Tensor]:
    """Parts of `vector` (P,), one after the other, in the shapes of `like`.

    Those of four dimensions, the weights of image convolutions, lie in memory with their channels last.
    """
    found, start = [], 0
    for each in like:
        part = vector[start : start + each.numel()]
        start += each.numel()
        if each.dim() == 4:
            n, c, h, w = each.shape
            found.append(part.view(n, h, w, c).permute(0, 3, 1, 2))
        else:
            found.append(part.view(each.shape))
    return found


@torch.no_grad()
def flatten(module: nn.Module) -> Tensor:
    """Move the trainable parameters of `module` into one vector (P,), of which each is from now on a part."""
    parameters = [parameter for parameter in module.parameters() if parameter.requires_grad]
    vector = torch.empty(sum(p.numel() for p in parameters), dtype=torch.float32, device=parameters[0].device)
    for parameter, part in zip(parameters, views(vector, parameters), strict=True):
        part.copy_(parameter)
        parameter.data = part
    return vector

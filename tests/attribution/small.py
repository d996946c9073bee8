"""Small networks for the tests of attribution: quick, with live weights, each with one thing that matters."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def small_sr(scale: int = 2, inplace: bool = False) -> nn.Module:
    """A plain ReLU super-resolution network, (N, 3, H, W) -> (N, 3, sH, sW); receptive field 7 x 7."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.ReLU(inplace=inplace),
        nn.Conv2d(8, 8, 3, padding=1),
        nn.ReLU(inplace=inplace),
        nn.Conv2d(8, 3 * scale**2, 3, padding=1),
        nn.PixelShuffle(scale),
    )


class SharedReLU(nn.Module):
    """One ReLU module used twice, which Captum's DeepLift refuses."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.Conv2d(3, 6, 3, padding=1)
        self.second = nn.Conv2d(6, 3, 3, padding=1)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(self.second(self.relu(self.first(x))))


class Classifier(nn.Module):
    """(N, 1, 8, 8) -> (N, 5)."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.features = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten())
        self.head = nn.Sequential(nn.Linear(144, 16), nn.ReLU(), nn.Linear(16, 5))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x))


class TwoInputs(nn.Module):
    """Two images and a plain factor: (N, 3, H, W), (N, 2), float -> (N, 4)."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(2)
        self.image = nn.Linear(3 * 4 * 4, 6)
        self.vector = nn.Linear(2, 6)
        self.head = nn.Linear(6, 4)

    def forward(self, image: Tensor, vector: Tensor, factor: float = 1.0) -> Tensor:
        return factor * self.head(torch.relu(self.image(image.flatten(1)) + self.vector(vector)))

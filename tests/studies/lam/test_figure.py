"""The figure's size, and what stands in it."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from l2xbench.draw import style
from l2xbench.studies.lam.figure import LamMap, LamNetwork, LamPanel, lam_bytes, lam_figure

DRAW = np.random.default_rng(0)


def panel(networks: int, methods: tuple[str, ...] = ("lam",), hr: bool = True) -> LamPanel:
    lr = DRAW.integers(0, 256, (16, 20, 3), dtype=np.uint8)
    shown = [
        LamNetwork(
            f"network-{number}",
            [LamMap(method, DRAW.standard_normal((3, 16, 20)), 3.456, 12.0) for method in methods],
            DRAW.integers(0, 256, (8, 8, 3), dtype=np.uint8),
            27.123 if hr else None,
        )
        for number in range(networks)
    ]
    return LamPanel("Set", "image", (24, 16, 8), 4, lr, lr.repeat(4, 0).repeat(4, 1) if hr else None, shown)


@pytest.mark.parametrize(
    ("networks", "width", "centimetres"),
    [
        (3, "auto", style.COLUMN_CM),
        (4, "auto", style.PAGE_CM),
        (3, "column", style.COLUMN_CM),
        (6, "page", style.PAGE_CM),
    ],
)
def test_it_is_as_wide_as_a_column_or_a_page(networks: int, width: str, centimetres: float) -> None:
    png = lam_bytes(panel(networks), width)["png"]
    found = Image.open(io.BytesIO(png)).size[0] / style.DPI * style.CM_PER_INCH
    assert found == pytest.approx(centimetres, abs=0.02)


def texts(shown: LamPanel) -> list[str]:
    return [text.get_text() for text in lam_figure(shown).texts]


def test_it_names_networks_and_numbers() -> None:
    found = texts(panel(2))
    assert found.count("DI 3.46") == 2
    assert found.count("27.12 dB") == 2
    assert {"network-0", "network-1", "HR", "Set", "image", "window 8", "at 24, 16", "LR, ×4"} <= set(found)
    assert not [text for text in found if "12 s" in text], "one method needs no name"


def test_methods_stand_below_each_other_with_their_cost() -> None:
    found = texts(panel(2, ("lam", "l2x")))
    assert found.count("lam, 12 s") == found.count("l2x, 12 s") == 2
    assert found.count("DI 3.46") == 4


def test_without_hr_the_box_is_on_lr() -> None:
    found = texts(panel(1, hr=False))
    assert "LR" in found
    assert "HR" not in found
    assert not [text for text in found if "dB" in text]

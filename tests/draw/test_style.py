from __future__ import annotations

import io
import re
import zlib

import matplotlib
import pytest
from PIL import Image

from l2xbench.draw import style


def drawing(text: str = "EDSR 27.12 dB") -> style.Figure:
    with style.context():
        figure = style.new_figure(style.COLUMN_CM, 4)
        figure.add_subplot().plot([0, 1], [1, 0])
        figure.text(0.5, 0.5, text)
    return figure


def test_a_figure_has_the_same_bytes_each_time() -> None:
    first = style.figure_bytes(drawing())
    assert list(first) == ["png", "pdf"]
    assert style.figure_bytes(drawing()) == first


def test_the_pdf_has_text_in_truetype_and_no_date() -> None:
    data = style.figure_bytes(drawing())["pdf"]
    assert b"/FontFile2" in data
    assert b"/Type3" not in data
    assert b"CreationDate" not in data
    streams = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", data, re.DOTALL)
    texts = []
    for stream in streams:
        try:
            texts.append(zlib.decompress(stream))
        except zlib.error:
            texts.append(stream)
    shown = b"".join(re.findall(rb"\(([^()]*)\)", b"\n".join(text for text in texts if b"BT" in text)))
    # Letters may be written as one byte or as two (UTF-16), whichever matplotlib takes for the font.
    assert b"EDSR 27.12 dB" in shown.replace(b"\0", b"")


def test_the_png_has_300_dots_per_inch_of_the_printed_size() -> None:
    with Image.open(io.BytesIO(style.figure_bytes(drawing())["png"])) as image:
        assert image.width == pytest.approx(style.COLUMN_CM / 2.54 * 300, abs=1)
        assert image.info["dpi"] == pytest.approx((300, 300), abs=0.1)


def test_matplotlibs_settings_are_left_alone() -> None:
    before = dict(matplotlib.rcParams)
    style.figure_bytes(drawing())
    assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize("lines", [1, 2, 3])
@pytest.mark.parametrize(
    "name",
    ["EDSR", "EDSR_baseline_x4_DIV2K_official", "Swin2SR classical ×4 (300k steps)", "W" * 60, "a$b_{c}", ""],
)
def test_fitted_text_keeps_to_its_width_and_lines(name: str, lines: int) -> None:
    fitted = style.fit(name, 60.0, size=7, lines=lines).split("\n")
    assert len(fitted) <= lines
    assert all(style.text_width(line, 7) <= 60.0 for line in fitted)
    if style.text_width(name, 7) <= 60.0:
        assert fitted == [name]


def test_what_is_too_long_loses_its_middle_and_keeps_its_end() -> None:
    fitted = style.fit("network_trained_for_long_v1", 60.0, size=7)
    assert fitted.startswith("netw")
    assert "…" in fitted
    assert fitted.endswith("v1")

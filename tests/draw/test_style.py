from __future__ import annotations

import re
import zlib
from pathlib import Path

import matplotlib
import pytest

from l2xbench.draw import style


def drawing(text: str = "EDSR 27.12 dB") -> style.Figure:
    with style.context():
        figure = style.new_figure(style.COLUMN_CM, 4)
        figure.add_subplot().plot([0, 1], [1, 0])
        figure.text(0.5, 0.5, text)
    return figure


def test_a_figure_is_saved_as_png_and_pdf_with_the_same_bytes_each_time(tmp_path: Path) -> None:
    first = style.save_figure(drawing(), tmp_path / "new" / "img_0.5")
    again = style.save_figure(drawing(), tmp_path / "again")
    assert [path.name for path in first] == ["img_0.5.png", "img_0.5.pdf"]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in again]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["again.pdf", "again.png", "new"]


def test_the_pdf_has_text_in_truetype_and_no_date(tmp_path: Path) -> None:
    _, pdf = style.save_figure(drawing(), tmp_path / "figure")
    data = pdf.read_bytes()
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


def test_the_png_has_300_dots_per_inch_of_the_printed_size(tmp_path: Path) -> None:
    from PIL import Image

    png, _ = style.save_figure(drawing(), tmp_path / "figure")
    with Image.open(png) as image:
        assert image.width == pytest.approx(style.COLUMN_CM / 2.54 * 300, abs=1)
        assert image.info["dpi"] == pytest.approx((300, 300), abs=0.1)


def test_matplotlibs_settings_are_left_alone(tmp_path: Path) -> None:
    before = dict(matplotlib.rcParams)
    style.save_figure(drawing(), tmp_path / "figure")
    assert dict(matplotlib.rcParams) == before


def test_a_failed_write_leaves_the_old_file_and_no_scrap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from l2xbench.system.files import write_whole

    path = write_whole(tmp_path / "a.csv", b"old")

    def interrupt(self: Path, target: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


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

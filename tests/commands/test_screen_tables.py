"""Tables on narrow and wide terminals."""

from __future__ import annotations

import io
import re

import pandas as pd
import pytest
from rich.console import Console
from rich.text import Text

from l2xbench.commands.screen_tables import show_rows, show_table

RESTORED = [
    {
        "dataset": "photographs",
        "model": model,
        "psnr": 28.4812,
        "ssim": 0.81234,
        "images": 6,
        "parameters": 380_931,
        "gflops": 4.122,
        "memory_mb": 18.87,
        "weights": f"{model}.safetensors",
    }
    for model in ("bicubic", "edsr-compact", "swin2sr-compact")
]


def shown(rows: list[dict[str, object]], width: int, files: str = "results/demo/tables") -> str:
    out = io.StringIO()
    show_table(Console(file=out, width=width), pd.DataFrame(rows), "PSNR", files)
    return out.getvalue()


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_word_is_broken_and_what_is_left_out_is_named(width: int) -> None:
    text = shown(RESTORED, width)
    assert text.startswith("PSNR on photographs\n"), "one dataset is told once"
    assert max(len(line) for line in text.splitlines() if not line.startswith("no room")) <= width
    left_out = ["weights", "memory_mb", "gflops"] if width == 60 else ["weights"] if width == 80 else []
    assert text.splitlines()[2].split() == [name for name in RESTORED[0] if name not in ("dataset", *left_out)]
    for row in RESTORED:
        assert str(row["model"]) in text.split()
    assert ("no room for " + ", ".join(left_out) + ": see results/demo/tables" in text) == bool(left_out)
    assert "380,931" in text


def test_each_row_is_a_line_where_names_fit() -> None:
    pairs = [
        {"dataset": "d", "model_a": "swinir", "model_b": b, "cka": 0.9, "dcka": 0.123, "dcka_low": 0.123}
        | {"dcka_high": 0.123, "control_a": 0.123, "control_b": 0.123, "warning": "m too small"}
        for b in ("edsr", "swin2sr")
    ]
    lines = shown(pairs, 80).splitlines()
    assert [line.split()[:2] for line in lines if "swinir" in line] == [["swinir", "edsr"], ["swinir", "swin2sr"]]
    assert all("m too small" in line for line in lines if "swinir" in line)


def test_several_datasets_keep_their_column_and_empty_columns_go() -> None:
    rows = [{**RESTORED[0], "dataset": name, "weights": ""} for name in ("set5", "set14")]
    text = shown(rows, 120)
    assert "dataset" in text and "set14" in text and "weights" not in text


def test_sentences_fold_at_spaces_endless_names_anywhere_and_names_end_in_an_ellipsis() -> None:
    path, note = "/data/" + "y" * 90, "made of HR; centre crops of at most 16 x 16 LR pixels"
    text = shown([{"dataset": "n" * 40, "folder": path, "note": note}], 80, "")
    assert "".join(part for part in text.split() if set(part) & set("/y")) == path
    assert "…" in text
    assert {"centre", "crops", "pixels"} <= set(text.split())


def test_without_files_a_wider_terminal_is_advised() -> None:
    out = io.StringIO()
    rows = [{"model": "edsr-compact", "delta": "1", "completeness_error": 1e-7, "seconds": 0.1, "outside": 0.25}]
    show_rows(Console(file=out, width=50), rows, "lr.png")
    assert "no room for seconds: they need a wider terminal" in out.getvalue()


@pytest.mark.parametrize("width", [50, 80, 120])
def test_long_paths_and_names_go_on_behind_a_part_of_them(width: int) -> None:
    path, name = (
        "/usr/lib/python3.11/site-packages/matplotlib/fonts/DejaVuSans.ttf",
        "_upsample_nearest_exact1d_backward",
    )
    out = io.StringIO()
    rows = [{"operation": f"relu {name}", "found": f"font: {path}", "state": Text("here", "green")}]
    show_rows(Console(file=out, width=width), rows)
    parts = {*re.findall(r"[^/]*/|[^/]+", path), *re.findall(r"[^_]*_|[^_]+", name)}
    words = out.getvalue().split()
    assert all(len(line) <= width for line in out.getvalue().splitlines())
    assert words[:3] == ["operation", "found", "state"] and "here" in words and "…" not in out.getvalue()
    for word in set(words) - {"operation", "found", "state", "relu", "font:", "here"} - {"─" * (width - 2)}:
        assert word in (path, name) or {*re.findall(r"[^/_]*[/_]|[^/_]+", word)} <= parts


def test_sentences_share_the_room_and_no_column_starves() -> None:
    out = io.StringIO()
    sentence = " ".join(12 * ["word"])
    show_rows(Console(file=out, width=80), [dict.fromkeys(("a", "b", "c"), sentence)])
    assert len([line for line in out.getvalue().splitlines() if "word" in line]) == 3

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from l2xbench.draw.markup import latex, markdown
from l2xbench.draw.tables import Table
from l2xbench.studies.restoration import tables as restoration
from l2xbench.studies.restoration.tables import COLUMNS
from tests.draw.written import write_tables


def scores(*rows: tuple[object, ...]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=list(COLUMNS))


SCORES = scores(
    ("Set5", "bicubic", 28.43212345678901, 0.8113, 5, None),
    ("Set5", "carn_m", 31.8849, 0.8910, 5, 412000),
    ("Set5", "DCTLSA", 32.5300, 0.8991, 5, 1592000),
    ("Urban100", "bicubic", 23.789, 0.6779, 20, None),
    ("Urban100", "carn_m", 27.119, 0.7923, 20, 412000),
    ("Urban100", "DCTLSA", 27.900, 0.8000, 19, 1592000),
)


def restoration_tables(frame: pd.DataFrame, folder: Path, **options: Any) -> list[Path]:
    tables = restoration.restoration_tables(frame, 4, **options)
    return write_tables(folder, tables)


def read(stem: Path) -> tuple[str, str, str]:
    return tuple(stem.with_suffix(ending).read_text() for ending in (".csv", ".md", ".tex"))  # type: ignore[return-value]


def body(tex: str) -> list[list[str]]:
    """The cells of a LaTeX table, by line."""
    inside = re.search(r"\\midrule\n(.*)\\bottomrule", tex, re.DOTALL)
    assert inside
    lines = [line.strip() for line in inside[1].strip().split("\n") if line.strip()]
    return [[cell.strip() for cell in re.split(r"(?<!\\)&", line.removesuffix(r"\\"))] for line in lines]


def cells(markdown_table: str) -> list[list[str]]:
    lines = [line for line in markdown_table.split("\n") if line.startswith("|")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def test_csv_reads_back_as_it_was_whatever_is_printed(tmp_path: Path) -> None:
    frame = SCORES.assign(ratio=[math.pi] * 6, note='a "b", c|d')
    csv, md, _ = write_tables(tmp_path, [Table("t.1", frame, caption="c")])
    back = pd.read_csv(csv, float_precision="round_trip")
    pd.testing.assert_frame_equal(back, frame, check_dtype=False, check_exact=True)
    assert [csv.name, md.name] == ["t.1.csv", "t.1.md"]
    assert "412000," in csv.read_text()  # a count is not 412000.0 because another is unknown


def test_psnr_has_two_digits_ssim_four_and_counts_are_readable(tmp_path: Path) -> None:
    write_tables(tmp_path, [Table("t", SCORES, caption="c")])
    _, md, tex = read(tmp_path / "t")
    expected = ["Set5", "carn_m", "31.88", "0.8910", "5", "412,000"]
    assert cells(md)[3] == expected
    assert body(tex)[1] == [cell.replace("_", r"\_") for cell in expected]
    assert cells(md)[2][-1] == "–"


def test_best_and_second_best_are_marked_within_each_dataset(tmp_path: Path) -> None:
    write_tables(tmp_path, [Table("t", SCORES, caption="c", best={"psnr": "high"}, within="dataset")])
    _, md, tex = read(tmp_path / "t")
    assert [row[2] for row in cells(md)[2:]] == [
        "28.43",
        "<ins>31.88</ins>",
        "**32.53**",
        "23.79",
        "<ins>27.12</ins>",
        "**27.90**",
    ]
    assert [row[2] for row in body(tex)] == [
        "28.43",
        r"\underline{31.88}",
        r"\textbf{32.53}",
        "23.79",
        r"\underline{27.12}",
        r"\textbf{27.90}",
    ]
    assert not re.search(r"\*\*0\.|<ins>0\.", md)


def test_values_that_print_alike_are_marked_alike(tmp_path: Path) -> None:
    frame = pd.DataFrame({"model": list("abcde"), "psnr": [30.001, 30.004, 29.5, 29.499999, 20.0]})
    write_tables(tmp_path, [Table("t", frame, caption="c", best={"psnr": "high"})])
    assert [row[1] for row in body(read(tmp_path / "t")[2])] == [
        r"\textbf{30.00}",
        r"\textbf{30.00}",
        r"\underline{29.50}",
        r"\underline{29.50}",
        "20.00",
    ]


def test_what_is_not_sure_gets_no_mark_nor_does_what_is_second_to_it(tmp_path: Path) -> None:
    frame = pd.DataFrame({"model": list("abc"), "psnr": [30.0, 29.0, 28.0]})

    def marked(*unsure: bool, psnr: tuple[float, ...] = (30.0, 29.0, 28.0)) -> list[str]:
        flags = pd.DataFrame({"model": False, "psnr": list(unsure)})
        table = Table("t", frame.assign(psnr=psnr), caption="c", best={"psnr": "high"}, unsure=flags)
        return [row[1].mark for row in table.sheet().rows]

    assert marked(False, False, True) == ["best", "second", ""]
    assert marked(False, True, False) == ["best", "", ""]
    assert marked(True, False, False) == ["", "", ""]
    assert marked(False, False, False, psnr=(30.001, 30.002, 28.0)) == ["", "", ""], "they print alike"


def test_low_may_be_better_nothing_competes_alone_and_gaps_do_not_compete(tmp_path: Path) -> None:
    frame = pd.DataFrame({"model": ["a", "b", "c"], "seconds": [0.5, None, 0.25], "psnr": [None, 30.0, None]})
    write_tables(tmp_path, [Table("t", frame, caption="c", best={"seconds": "low", "psnr": "high"})])
    assert body(read(tmp_path / "t")[2]) == [
        ["a", r"\underline{0.500}", "--"],
        ["b", "--", "30.00"],
        ["c", r"\textbf{0.250}", "--"],
    ]


def test_infinite_psnr_is_best_and_reads_back(tmp_path: Path) -> None:
    frame = pd.DataFrame({"model": ["a", "b"], "psnr": [math.inf, 30.0]})
    csv, md, _ = write_tables(tmp_path, [Table("t", frame, caption="c", best={"psnr": "high"})])
    assert cells(md.read_text())[2] == ["a", "**∞**"]
    assert pd.read_csv(csv)["psnr"][0] == math.inf


def test_names_from_files_cannot_break_a_table(tmp_path: Path) -> None:
    name = "a|b & 50%_#{x}$y$ \\ ~^\n<b>"
    frame = pd.DataFrame({"model": [name], "psnr": [1.0]})
    write_tables(tmp_path, [Table("t", frame, caption=name, notes=[name])])
    _, md, tex = read(tmp_path / "t")
    assert cells(md)[2] == [r"a\|b &amp; 50%\_#{x}\$y\$ \\ \~^ &lt;b&gt;", "1.00"]
    assert len(body(tex)) == 1
    assert len(body(tex)[0]) == 2


@given(st.text())
def test_latex_is_balanced_and_on_one_line(text: str) -> None:
    escaped = latex(text)
    assert "\n" not in escaped
    bare = re.sub(r"\\[\\{}$&#%_]", "", escaped)
    assert bare.count("{") == bare.count("}")
    assert bare.count("$") % 2 == 0
    assert not re.search(r"[&#%_~^]", bare.replace("{}", ""))


@given(st.text())
def test_markdown_has_no_bare_pipe_or_tag(text: str) -> None:
    escaped = markdown(text)
    assert not re.search(r"(?<!\\)(?:\\\\)*\|", escaped)
    assert "<" not in escaped
    assert len(escaped.splitlines()) <= 1


def test_underscores_inside_words_stay_readable_in_markdown() -> None:
    assert markdown("carn_m _x_ a_") == r"carn_m \_x\_ a\_"


def test_restoration_has_a_line_for_each_mean_and_table_1_one_for_each_network(tmp_path: Path) -> None:
    paths = restoration_tables(SCORES, tmp_path)
    assert [path.name for path in paths] == [
        f"{name}.{ending}" for name in ("restoration", "table1") for ending in ("csv", "md", "tex")
    ]
    pd.testing.assert_frame_equal(pd.read_csv(paths[0]), SCORES, check_dtype=False)
    wide = pd.read_csv(paths[3])
    assert list(wide) == ["model", "Set5/psnr", "Set5/ssim", "Urban100/psnr", "Urban100/ssim", "parameters"]
    assert wide["model"].tolist() == ["bicubic", "carn_m", "DCTLSA"]
    assert wide.loc[1, "Urban100/psnr"] == 27.119


def test_table_1_has_a_header_over_each_dataset(tmp_path: Path) -> None:
    restoration_tables(SCORES, tmp_path)
    _, md, tex = read(tmp_path / "table1")
    assert r"& \multicolumn{2}{c}{Set5} & \multicolumn{2}{c}{Urban100} &" in tex
    assert r"\cmidrule(lr){2-3} \cmidrule(lr){4-5}" in tex
    assert cells(md)[0][1:3] == ["Set5 PSNR", "Set5 SSIM"]
    for line in body(tex):
        assert len(line) == 6


def test_a_mean_over_fewer_images_is_said_and_does_not_win(tmp_path: Path) -> None:
    ahead = {("Urban100", name, "psnr") for name in ("carn_m", "DCTLSA")}
    restoration_tables(SCORES, tmp_path, ahead=ahead, dataset_notes={"Urban100": "20 of Urban100's 100 images"})
    for name, column in (("restoration", 2), ("table1", 3)):
        _, md, tex = read(tmp_path / name)
        rows = {row[0] if name == "table1" else row[1]: row[column] for row in cells(md)[2:]}  # Urban100's come last
        assert rows["DCTLSA"] == "27.90†"
        assert rows["carn_m"] == "**27.12**"
        assert "Means over Set5: 5 images; Urban100: 20 images (20 of Urban100's 100 images)." in md
        assert "DCTLSA on Urban100: 19 of 20" in md
        assert r"27.90\dag{}" in tex


def test_table_1_leaves_out_what_was_not_measured(tmp_path: Path) -> None:
    frame = scores(("Set5", "a", 30.0, 0.9, 5, 10), ("photos", "b", None, None, 1, 20)).assign(seconds=[0.5, None])
    restoration_tables(frame, tmp_path)
    _, md, _ = read(tmp_path / "table1")
    assert cells(md)[2:] == [
        ["a", "30.00", "0.9000", "–", "–", "10", "0.500"],
        ["b", "–", "–", "–", "–", "20", "–"],
    ]
    assert "photos: 1 image." in md


def test_seconds_of_table_1_are_the_mean_over_all_images(tmp_path: Path) -> None:
    frame = scores(("A", "m", 30.0, 0.9, 1, 10), ("B", "m", 30.0, 0.9, 3, 10)).assign(seconds=[1.0, 2.0])
    restoration_tables(frame, tmp_path)
    assert pd.read_csv(tmp_path / "table1.csv")["seconds"][0] == 1.75


def test_an_empty_study_has_empty_tables(tmp_path: Path) -> None:
    restoration_tables(scores(), tmp_path)
    assert (tmp_path / "restoration.csv").read_text() == ",".join(COLUMNS) + "\n"


def test_a_network_twice_in_a_dataset_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="carn_m stands twice in Set5"):
        restoration_tables(pd.concat([SCORES, SCORES.iloc[[1]]]), tmp_path)


def test_what_is_printed_as_0_has_no_sign(tmp_path: Path) -> None:
    frame = pd.DataFrame({"model": ["a", "b"], "chance": [-0.0001, -0.0009], "gain": [-0.001, 12.5]})
    (table,) = (Table("t", frame, "A table.", digits=2),)
    write_tables(tmp_path, [table])
    lines = (tmp_path / "t.md").read_text()
    assert "| 0.000 | 0.00 |" in lines and "| −0.001 | 12.50 |" in lines

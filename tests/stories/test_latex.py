"""The LaTeX tables compile, whatever stands in them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from l2xbench.report.tables import failures_table, study_tables
from l2xbench.run.results import read_runs
from l2xbench.store.records import Failure
from l2xbench.store.store import Store
from tests.draw.written import write_tables
from tests.report.results import EVERYTHING, make_results

HOSTILE = '50% of $x_1$ & #1 {a} \\input{b} ~^ <c> "d" | ×4 Übung – −1 ∞'


@pytest.fixture
def pdflatex() -> str:
    program = shutil.which("pdflatex")
    if program is None:
        pytest.skip("needs pdflatex with booktabs (apt-get install texlive-latex-recommended)")
    return program


def test_every_table_compiles_with_booktabs_alone(pdflatex: str, tmp_path: Path) -> None:
    root = make_results(
        tmp_path / "results",
        models=["edsr", "swinir_light", "rcan+x"],
        images={"Set5": ["baby", "bird"], "Urban100": ["img_001"]},
        attribution={"methods": ["l2x", "lam"], "target": "patch:0,0,8,8"},
        note=HOSTILE,
        **EVERYTHING,
    )
    (run,) = read_runs(Store(root))
    tables = [table for found in study_tables(run).values() for table in found.values()]
    tables += [failures_table([Failure(*["a"] * 5, reason=HOSTILE)])]
    write_tables(tmp_path, tables)
    names = [table.name for table in tables]
    assert {"table1", "restoration", "cost", "ablation_psnr", "cka", "diffusion", "failures"} <= set(names)
    body = "\n".join(rf"\input{{{name}}}\clearpage" for name in names)
    (tmp_path / "paper.tex").write_text(
        "\\documentclass[twocolumn]{article}\n\\usepackage[landscape]{geometry}\n\\usepackage{booktabs}\n"
        f"\\begin{{document}}\n{body}\n\\end{{document}}\n"
    )
    command = [pdflatex, "-interaction=nonstopmode", "-halt-on-error", "paper.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout[-2000:]
    assert (tmp_path / "paper.pdf").read_bytes().startswith(b"%PDF")
    assert "Missing character" not in (tmp_path / "paper.log").read_text(errors="replace")

"""Which Python is tested, with which versions."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HERE = f"{sys.version_info.major}.{sys.version_info.minor}"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> object:
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    import test_pythons

    return test_pythons


def test_a_python_that_is_not_here_is_told_and_left_out() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts/test_pythons.py"), "--quick", "3.99", "2.0:lowest"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == [
        "3.99: skipped, this machine has no Python 3.99",
        "2.0:lowest: skipped, this machine has no Python 2.0",
    ]


def test_an_interpreter_is_asked_for_its_version(
    script: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A shim of another version manager may stand under the name, and run nothing."""
    for folder, text in (("shims", "exit 127"), ("bin", f'exec {sys.executable} "$@"')):
        program = tmp_path / folder / f"python{HERE}"
        program.parent.mkdir()
        program.write_text(f"#!/bin/sh\n{text}\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'shims'}:{tmp_path / 'bin'}:/usr/bin:/bin")
    assert script.find_python(HERE) == tmp_path / "bin" / f"python{HERE}"  # type: ignore[attr-defined]


def test_each_python_has_its_tested_versions(script: object) -> None:
    assert script.constraints("3.10").name == "constraints-3.10.txt"  # type: ignore[attr-defined]
    assert script.constraints("3.13").name == "constraints.txt"  # type: ignore[attr-defined]


def test_what_is_quick_is_there(script: object) -> None:
    assert all((ROOT / name.partition("::")[0]).exists() for name in script.QUICK)  # type: ignore[attr-defined]

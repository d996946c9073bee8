"""The tests on other Pythons, and with the oldest versions of everything that pyproject.toml allows.

    python scripts/test_pythons.py 3.10:lowest 3.13            # the whole suite on each, one after the other
    python scripts/test_pythons.py --quick 3.10:lowest 3.13    # engine, data, zoo, a study: a minute or two each
    python scripts/test_pythons.py --prepare 3.10:lowest 3.13  # the environments alone, for a later call

Each gets an environment of its own under `.pythons/`, made by uv from the wheel, with the tested versions
(`constraints.txt`, `constraints-3.10.txt`), the newest, or `lowest` the oldest. A Python that this machine lacks is
told and left out.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / ".pythons"
QUICK = (
    "tests/attribution/engine",
    "tests/attribution/rules",
    "tests/attribution/test_explain.py",
    "tests/attribution/test_layers.py",
    "tests/system/test_torch_parts.py",
    "tests/data",
    "tests/fetch/test_packages.py",
    "tests/draw/test_tables.py",
    "tests/store",
    "tests/studies/restoration",
    "tests/test_config.py",
    "tests/cli/test_program.py",
    "tests/zoo/test_archs.py",
    "tests/zoo/test_load.py",
    "tests/studies/test_registry.py",
)
"""What an old or new version of a library breaks first: the engine and its rules, files, networks, a study from start
to page."""
LOWEST = "lowest"
ROOM = 10e9
"""Bytes that have to be free for one environment, most of them PyTorch's."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pythons", nargs="+", help="3.10, 3.13, ...; 3.10:lowest, 3.13:newest", metavar="PYTHON")
    parser.add_argument("--quick", action="store_true", help="a chosen part of the suite")
    parser.add_argument("--prepare", action="store_true", help="only make the environments")
    parser.add_argument("--workers", default="2", help="processes of the tests", metavar="N")
    given = parser.parse_args()
    told, failed = [], False
    for each in given.pythons:
        version, _, versions = each.partition(":")
        python = find_python(version)
        if python is None:
            told.append(f"{each}: skipped, this machine has no Python {version}")
            continue
        if (free := shutil.disk_usage(ROOT).free) < ROOM:
            told.append(f"{each}: skipped, {free / 1e9:.0f} GB are free on the disk, and an environment takes 7")
            continue
        started = time.monotonic()
        environment = prepare(python, version, versions)
        told.append(f"{each}: environment {time.monotonic() - started:.0f} s")
        if not given.prepare:
            started = time.monotonic()
            code = run_tests(environment, QUICK if given.quick else (), given.workers)
            failed |= code != 0
            told.append(f"{each}: tests {'passed' if code == 0 else 'FAILED'} in {time.monotonic() - started:.0f} s")
    print(*told, sep="\n", flush=True)
    return int(failed)


def find_python(version: str) -> Path | None:
    """The interpreter of a version such as `3.10`, if the machine has one that runs."""
    for candidate in _candidates(version):
        told = subprocess.run(
            [str(candidate), "-c", "import sys, venv; print('%d.%d' % sys.version_info[:2])"],
            capture_output=True,
            text=True,
            check=False,
        )
        if told.stdout.strip() == version:
            return candidate
    return None


def _candidates(version: str) -> Iterator[Path]:
    for folder in os.get_exec_path():
        if (path := Path(folder, f"python{version}")).is_file():
            yield path
    # a shim of pyenv is there for versions that are installed and not chosen, and runs none of them
    yield from sorted(Path("~/.pyenv/versions").expanduser().glob(f"{version}.*/bin/python"))


def prepare(python: Path, version: str, versions: str) -> Path:
    """An environment with what the tests need; the same is used again as long as pyproject.toml is."""
    environment = FOLDER / f"{version}-{versions or 'tested'}"
    ready = environment / ".ready"
    decides = [ROOT / "pyproject.toml", *ROOT.glob("constraints*.txt")]
    if ready.is_file() and ready.stat().st_mtime > max(path.stat().st_mtime for path in decides):
        return environment
    uv = [sys.executable, "-m", "uv", "--quiet"]
    # a link costs no second copy of 6 GB where uv's cache lies on the same disk
    settings = {**os.environ, "UV_LINK_MODE": os.environ.get("UV_LINK_MODE", "hardlink")}
    subprocess.run([*uv, "venv", "--clear", "--python", str(python), str(environment)], check=True, env=settings)
    how = {"": ["--constraint", str(constraints(version))], LOWEST: ["--resolution", "lowest-direct"]}.get(versions, [])
    install = [*uv, "pip", "install", "--python", str(environment), *how, f"{ROOT}[dev]"]
    subprocess.run(install, check=True, env=settings)
    ready.touch()
    return environment


def constraints(version: str) -> Path:
    """The tested versions for a Python."""
    own = ROOT / f"constraints-{version}.txt"
    return own if own.is_file() else ROOT / "constraints.txt"


def run_tests(environment: Path, tests: tuple[str, ...], workers: str) -> int:
    """Runs tests of the checkout, the package in it being the one that is tested; the exit code."""
    python = environment / ("Scripts" if os.name == "nt" else "bin") / "python"
    chosen = ["-p", "no:cacheprovider", "-q", "-n", workers, "-m", "not slow", *tests]
    settings = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run([str(python), "-m", "pytest", *chosen], cwd=ROOT, check=False, env=settings).returncode


if __name__ == "__main__":
    sys.exit(main())

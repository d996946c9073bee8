"""What goes to a package index: its description, its citation, one version, and files that an index takes."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import zipfile
from email.parser import Parser
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import yaml

from l2xbench.version import __version__

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10
    import tomli as tomllib

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
# of the schema of version 1.2.0 of the format, https://citation-file-format.github.io
CITATION_KEYS = {
    *("abstract", "authors", "cff-version", "commit", "contact", "date-released", "doi", "identifiers", "keywords"),
    *("license", "license-url", "message", "preferred-citation", "references", "repository", "repository-artifact"),
    *("repository-code", "title", "type", "url", "version"),
}
PERSON_KEYS = {"affiliation", "alias", "email", "family-names", "given-names", "name-particle", "orcid", "website"}
ENTITY_KEYS = {"name", "alias", "email", "orcid", "website"}


def test_the_version_is_said_once() -> None:
    assert "version" not in PROJECT and PROJECT["dynamic"] == ["version"]
    assert metadata.version("l2xbench") == __version__
    for path in (ROOT / "CITATION.cff", ROOT / "README.md", ROOT / "Makefile", *(ROOT / "l2xbench").glob("*.py")):
        assert path.name == "version.py" or __version__ not in path.read_text(), path


def test_the_release_notes_are_of_this_version() -> None:
    newest = re.search(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest is not None and newest[1] == __version__


def test_every_python_that_is_claimed_is_allowed_and_has_tested_versions() -> None:
    claimed = [each.rpartition(" ")[2] for each in PROJECT["classifiers"] if re.search(r":: 3\.\d+$", each)]
    assert claimed[0] == PROJECT["requires-python"].removeprefix(">=")
    assert f"{sys.version_info.major}.{sys.version_info.minor}" in claimed
    for path in ROOT.glob("constraints*.txt"):
        pins = [line for line in path.read_text().splitlines() if not line.startswith("#")]
        assert all(re.fullmatch(r"[\w.-]+==[\w.!+]+", pin) for pin in pins), path
        assert {"torch", "numpy", "pytest"} <= {pin.partition("==")[0] for pin in pins}


def test_all_is_every_extra_for_users() -> None:
    extras = PROJECT["optional-dependencies"]
    (everything,) = extras["all"]
    assert everything == f"l2xbench[{','.join(sorted(extras.keys() - {'all', 'dev'}))}]"


def test_the_citation_is_of_the_format() -> None:
    citation: dict[str, Any] = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert set(citation) <= CITATION_KEYS and {"cff-version", "message", "title", "authors"} <= set(citation)
    assert citation["cff-version"] == "1.2.0" and citation["type"] == "software"
    assert citation["license"] == PROJECT["license"]
    paper = citation["preferred-citation"]
    assert {"type", "title", "authors"} <= set(paper)
    assert "Learning to Explain" in paper["title"] and [each["family-names"] for each in paper["authors"]] == [
        "Yu",
        "Yang",
    ]
    for author in [*citation["authors"], *paper["authors"]]:
        assert set(author) <= (ENTITY_KEYS if "name" in author else PERSON_KEYS)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_what_is_built_is_whole_and_an_index_takes_it(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(tmp_path), str(ROOT)]
    done = subprocess.run(build, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (source,), (wheel,) = tmp_path.glob("*.tar.gz"), tmp_path.glob("*.whl")
    assert source.name == f"l2xbench-{__version__}.tar.gz" and wheel.name == f"l2xbench-{__version__}-py3-none-any.whl"
    # an index refuses more than 100 MB
    assert max(source.stat().st_size, wheel.stat().st_size) < 60e6
    checked = subprocess.run(
        [sys.executable, "-m", "twine", "check", "--strict", str(source), str(wheel)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0 and checked.stdout.count("PASSED") == 2, checked.stdout + checked.stderr
    with tarfile.open(source) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    for name in (
        "CITATION.cff",
        "CHANGELOG.md",
        "LICENSE",
        "Makefile",
        "constraints.txt",
        "mkdocs.yml",
        "docs/index.md",
    ):
        assert name in names
    assert {"tests/conftest.py", "seeds/edsr-compact-s1.yaml", "scripts/train.py", "l2xbench/py.typed"} <= names
    assert not [name for name in names if "shared" in Path(name).parts[:1] or name.startswith(("results", "site"))]
    with zipfile.ZipFile(wheel) as opened:
        told = Parser().parsestr(opened.read(f"l2xbench-{__version__}.dist-info/METADATA").decode())
        assert not [name for name in opened.namelist() if name.startswith(("tests", "docs", "scripts"))]
    assert told["License-Expression"] == "Apache-2.0" and told["Description-Content-Type"] == "text/markdown"
    assert "all" in told.get_all("Provides-Extra", [])

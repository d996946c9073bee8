"""The rules of the house that no other tool holds: few modules at the top, no name for two things."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

from l2xbench.studies.registry import all_studies

PACKAGE = Path(__file__).parents[1] / "l2xbench"
MOST_AT_THE_TOP = 8


def test_few_modules_lie_at_the_top() -> None:
    assert len(list(PACKAGE.glob("*.py"))) <= MOST_AT_THE_TOP


def test_no_two_public_classes_have_one_name() -> None:
    found: dict[str, list[Path]] = defaultdict(list)
    for path in PACKAGE.rglob("*.py"):
        for name in re.findall(r"^class ([A-Z]\w*)", path.read_text(encoding="utf-8"), re.MULTILINE):
            found[name].append(path.relative_to(PACKAGE))
    assert {name: paths for name, paths in found.items() if len(paths) > 1} == {}


def test_every_folder_of_tests_is_that_of_a_room() -> None:
    tests = PACKAGE.parent / "tests"
    folders = {path.parent.relative_to(tests) for path in tests.rglob("test_*.py")}
    elsewhere = {each for each in folders if not (PACKAGE / each).is_dir()}
    assert elsewhere == {Path("scripts"), Path("stories")}


def test_every_file_of_tests_is_named_for_what_it_tests() -> None:
    """`test_tiles` and `test_tiles_of_gpus` are of `tiles.py` or `tiles/` in the same place, `test_rules`
    in `rules/` of that folder, `test_study` in a study's folder of its study; behaviour across rooms is a story.
    """
    tests = PACKAGE.parent / "tests"
    misnamed = []
    for path in tests.rglob("test_*.py"):
        place, about = path.parent.relative_to(tests), path.stem.removeprefix("test_")
        if place in (Path(), Path("stories")):
            continue
        home = PACKAGE.parent / place if place == Path("scripts") else PACKAGE / place
        names = {each.stem for each in home.iterdir() if each.suffix == ".py" or each.is_dir()} | {home.name}
        names |= {"study"} if place.parent == Path("studies") else set()
        if not any(about == name or about.startswith(f"{name}_") for name in names):
            misnamed.append(str(path.relative_to(tests)))
    assert misnamed == []


def test_no_docstring_begins_in_the_middle_of_a_sentence() -> None:
    found = [
        f"{path.relative_to(PACKAGE)}:{number}"
        for path in PACKAGE.rglob("*.py")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if re.match(r'\s*(#:|r?""")\s*(Of|And|Or|But) ', line)
    ]
    assert found == []


def test_config_plan_report_and_page_name_no_study() -> None:
    studies = "|".join(study.name for study in all_studies())
    found = [
        f"{path.relative_to(PACKAGE)}: {line.strip()}"
        for room in ("config.py", "report", "run")
        for path in ([PACKAGE / room] if room.endswith(".py") else (PACKAGE / room).rglob("*.py"))
        for line in path.read_text(encoding="utf-8").splitlines()
        if re.search(rf"l2xbench\.studies\.({studies})\b", line)
    ]
    assert found == []

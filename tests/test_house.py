"""The rules of the house that no other tool holds: few modules at the top, no name for two things, what docs owe."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import textwrap
from collections import defaultdict
from dataclasses import fields, is_dataclass
from functools import cached_property
from pathlib import Path
from types import FunctionType

import l2xbench
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


def test_each_file_of_the_engine_is_short() -> None:
    long = [
        path.name
        for path in (PACKAGE / "attribution/engine").glob("*.py")
        if len(path.read_text(encoding="utf-8").splitlines()) >= 350
    ]
    assert long == []


def test_no_docstring_begins_in_the_middle_of_a_sentence() -> None:
    root = PACKAGE.parent
    found = [
        f"{path.relative_to(root)}:{number}"
        for room in ("l2xbench", "scripts", "tests")
        for path in (root / room).rglob("*.py")
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


def documented() -> list[object]:
    """What the package exports, and what the site's page on Python shows."""
    page = (PACKAGE.parent / "docs/reference/python.md").read_text(encoding="utf-8")
    names = re.findall(r"^::: (\S+)\.(\w+)$", page, re.MULTILINE)
    shown = [getattr(importlib.import_module(module), name) for module, name in names]
    exported = [getattr(l2xbench, name) for name in l2xbench.__all__ if name != "__version__"]
    assert [each.__name__ for each in exported if each not in shown] == [], "exported, and not on the page"
    return shown


def members(kind: type) -> list[tuple[str, object]]:
    """A class's own public methods and properties."""
    found = []
    for name, member in vars(kind).items():
        if not name.startswith("_"):
            found.append((f"{kind.__name__}.{name}", getattr(member, "__func__", member)))
    return found


def is_plain(thing: object) -> bool:
    """Whether an object is an error, or a part of a result that names the one whose example shows it."""
    first = (thing.__doc__ or "").partition("\n")[0]
    return isinstance(thing, type) and (issubclass(thing, Exception) or re.search(r"; see `\w+`\.$", first) is not None)


def raises(function: FunctionType) -> bool:
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    return any(isinstance(node, ast.Raise) and node.exc is not None for node in ast.walk(tree))


def test_sections_of_docstrings_are_those_that_the_site_knows() -> None:
    """Another heading, as Example, would be shown as a quotation, code and all in one paragraph."""
    known = {"Args", "Attributes", "Examples", "Raises", "Returns", "Yields"}
    found = [
        f"{path.relative_to(PACKAGE)}: {heading}"
        for path in PACKAGE.rglob("*.py")
        for heading in re.findall(r"^ *(\w+):\n +(?:>>>|\w+: )", path.read_text(encoding="utf-8"), re.MULTILINE)
        if heading.istitle() and heading not in known
    ]
    assert found == []


def test_what_is_public_says_what_it_takes_and_gives_with_an_example() -> None:
    """Doctest runs the examples."""
    lacking = []
    for thing in documented():
        parts = members(thing) if isinstance(thing, type) else [(thing.__name__, thing)]  # type: ignore[attr-defined]
        if isinstance(thing, type) and not is_plain(thing) and "Examples:" not in (inspect.getdoc(thing) or ""):
            lacking.append(f"{thing.__name__}: Examples:")
        for name, member in parts:
            if isinstance(member, (property, cached_property)):
                if not inspect.getdoc(member):
                    lacking.append(f"{name}: docstring")
                continue
            if not isinstance(member, FunctionType):
                continue
            told = inspect.getdoc(member) or ""
            taken = [each for each in inspect.signature(member).parameters if each not in ("self", "cls")]
            wanted = {"Examples:": True, "Args:": bool(taken), "Raises:": raises(member)}
            lacking += [f"{name}: {section}" for section, owed in wanted.items() if owed and section not in told]
            lacking += [f"{name}: {each} is not told of" for each in taken if each not in told]
    assert lacking == []


def test_the_fields_of_what_is_public_are_told() -> None:
    lacking = []
    for thing in documented():
        if not (isinstance(thing, type) and is_dataclass(thing)):
            continue
        source = inspect.getsource(thing)
        for field in fields(thing):
            if not re.search(rf'^    {field.name}: [^\n]*\n(?:    """|        )', source, re.MULTILINE):
                lacking.append(f"{thing.__name__}.{field.name}")
    assert lacking == []


def test_what_computes_names_its_source() -> None:
    sources = re.compile(r"Eqs?\. |et al\.|Gu and Dong")
    owed = {"explain", "Attribution", "L2X", "diffusion_index", "flow", "LayerTensor", "audit", "completeness_error"}
    told = {each.__name__ for each in documented() if sources.search(each.__doc__ or "")}  # type: ignore[attr-defined]
    assert owed - told == set()

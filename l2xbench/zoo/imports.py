"""Which files some files import, read off their text: also those that are imported when a function runs, later on."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

MOST_FILES = 500
"""Where a name is made while the program runs, as many files of a folder are counted in."""


def imported_files(files: Iterable[Path], folders: Sequence[Path]) -> set[Path]:
    """The Python files in `folders` that `files` import, those that these import, and so on; themselves among them.

    Where a file makes the name of a module while it runs (`import_module("model." + name)`), it may be any file of
    these folders, and all count.
    """
    found: set[Path] = set()
    waiting = [path for path in files if path.suffix == ".py"]
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found.add(path)
        try:
            tree = ast.parse(path.read_bytes())
        except (OSError, SyntaxError, ValueError, RecursionError):
            continue
        for node in ast.walk(tree):
            waiting += _named(node, path, folders)
    return found


def _named(node: ast.AST, path: Path, folders: Sequence[Path]) -> Iterator[Path]:
    """The files that one part of a program imports."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield from _files_of(alias.name, folders)
    elif isinstance(node, ast.ImportFrom):
        start = folders if node.level == 0 else [path.parents[min(node.level, len(path.parents)) - 1]]
        for alias in node.names:
            yield from _files_of(".".join(filter(None, [node.module, alias.name])), start)
        if node.level:
            yield from (folder / "__init__.py" for folder in start if (folder / "__init__.py").is_file())
    elif isinstance(node, ast.Call):
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if called in ("import_module", "__import__") and node.args:
            name = node.args[0]
            if isinstance(name, ast.Constant) and isinstance(name.value, str):
                yield from _files_of(name.value.lstrip("."), [*folders, path.parent])
            else:
                yield from _all_files(folders)


def _files_of(name: str, folders: Sequence[Path]) -> Iterator[Path]:
    """The files that importing `a.b.c` runs: those of `a`, `a.b` and `a.b.c`, as far as they are there."""
    for folder in folders:
        for part in name.split("."):
            inside = folder / part
            module = folder / f"{part}.py"
            if (inside / "__init__.py").is_file():
                yield (inside / "__init__.py").resolve()
            elif module.is_file():
                yield module.resolve()
            folder = inside
            if not folder.is_dir():
                break


def _all_files(folders: Sequence[Path]) -> Iterator[Path]:
    for folder in folders:
        for number, path in enumerate(folder.rglob("*.py")):
            if number == MOST_FILES:
                break
            yield path.resolve()

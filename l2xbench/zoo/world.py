"""The user's Python, each network's folder a world of its own.

Two repositories may both hold a `common.py`. In one process Python would give the second the first's: modules are known
by name alone. So a user's file is imported as a module of a package made for its folder, and what it and its neighbours
import from that folder becomes a part of that package, whatever others have loaded under the same name. What else they
import (libraries) is what everybody has.

A world notes each file of the user's that importing it reads, or would read later: they are part of a network's
identity.
"""

from __future__ import annotations

import builtins
import contextlib
import hashlib
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import io
import os
import site
import sys
import sysconfig
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from l2xbench.zoo.imports import imported_files

_PREFIX = "l2xbench_user_"
_real_import = builtins.__import__
_OURS = __name__.partition(".")[0]


class EndedItself(Exception):
    """A module that ends the program when it is imported, and what it wrote before."""


class World:
    """A folder of the user's as a package: what is imported in it, and which files that took.

    Attributes:
        package: its name in `sys.modules`.
        files: each file of the user's that its imports read, with the SHA-256 of what it held.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files: dict[Path, str] = {}
        self.package = f"{_PREFIX}{next(_numbers)}"
        self._root = ModuleType(self.package, f"The modules of {folder}.")
        self._root.__path__ = [str(folder)]
        self._known: dict[str, bool] = {}
        self._later: dict[Path, str] = {}
        self._path_before: list[str] | None = None
        self._is_loading = False
        self._builtins = {**vars(builtins), "__import__": self._import}
        self._importlib = _Importlib(self)
        sys.modules[self.package] = self._root
        _worlds[self.package] = self

    def load(self, name: str, file: Path | None = None) -> ModuleType:
        """Imports a module of the world by name, `a` or `a.b`, or from a file of any name.

        Raises:
            EndedItself: the module calls `sys.exit`, or reads a command line that is not there.
            Exception: whatever it raises.
        """
        full = f"{self.package}.{name}"
        if full in sys.modules:
            return sys.modules[full]
        self._is_loading = True
        try:
            with self._at_home(file):
                if file is None:
                    importlib.import_module(full)
                else:
                    self._load_file(full, file)
        finally:
            self._is_loading = False
            for each in imported_files(self.files, [Path(folder) for folder in self._root.__path__]):
                self._count(each, self.files)
        return sys.modules[full]

    def _load_file(self, full: str, file: Path) -> None:
        loader = _Loader(full, str(file))
        spec = importlib.util.spec_from_file_location(full, file, loader=loader)
        assert spec is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[full] = module
        try:
            loader.exec_module(module)
        except BaseException:
            sys.modules.pop(full, None)
            raise

    @contextmanager
    def at_home(self) -> Iterator[None]:
        """Within, code of this world finds its folder as when it is run there; what it changes is put back."""
        with self._at_home(None):
            yield

    def is_stale(self) -> bool:
        """Whether one of its files has changed since it was read."""
        return any(_hash(path) != known for path, known in {**self._later, **self.files}.items())

    def close(self) -> None:
        """Forgets its modules; networks that were made of them go on."""
        _worlds.pop(self.package, None)
        for name in [name for name in sys.modules if (name + ".").startswith(self.package + ".")]:
            del sys.modules[name]

    def note_code(self, path: str | Path) -> None:
        """Counts a module's file among those of the user's that were read, if it is one.

        What is imported once a network runs is not added: an identity must not change meanwhile.
        """
        self._count(Path(os.path.realpath(path)), self.files if self._is_loading else self._later)

    def note_data(self, path: str | Path) -> None:
        """Counts a file that a module reads when it is imported, if it lies in the world's folders."""
        found = Path(os.path.realpath(path))
        if self._is_loading and any(found.is_relative_to(folder) for folder in self._root.__path__):
            self._count(found, self.files)

    def _count(self, found: Path, files: dict[Path, str]) -> None:
        if found not in files and found.suffix not in (".pyc", ".pyo") and found.is_file() and not is_installed(found):
            files[found] = _hash(found)

    @contextmanager
    def _at_home(self, file: Path | None) -> Iterator[None]:
        with _lock:
            path, argv, cwd = list(sys.path), sys.argv, _cwd()
            dtype, gradients = torch.get_default_dtype(), torch.is_grad_enabled()
            before, self._path_before = self._path_before, path
            sys.path.insert(0, str(self.folder))
            sys.argv = [str(file or self.folder)]  # a command line is ours, not the module's
            said = io.StringIO()
            _reading.append((threading.get_ident(), self))
            try:
                with contextlib.redirect_stderr(said):
                    yield
            except SystemExit as left:
                lines = said.getvalue().strip().splitlines()
                raise EndedItself(lines[-1] if lines else f"exit code {left.code}") from None
            finally:
                _reading.pop()
                self._adopt()
                sys.path[:], sys.argv, self._path_before = path, argv, before
                torch.set_default_dtype(dtype)
                torch.set_grad_enabled(gradients)
                if cwd is not None:
                    os.chdir(cwd)
            sys.stderr.write(said.getvalue())

    def _adopt(self) -> None:
        """Makes folders that the code has put on `sys.path` a part of this world instead."""
        own = list(self._root.__path__)
        before = self._path_before
        added = [] if before is None else [each for each in sys.path if each not in before and each not in own]
        if not added:
            return
        home = sys.path.index(str(self.folder)) if str(self.folder) in sys.path else 0
        first = [each for each in added if sys.path.index(each) < home]
        last = [each for each in added if each not in first]
        # a relative one starts where the program runs; in a repository that is often the file's own folder
        places = [
            [os.path.realpath(place) for each in part for place in (each, self.folder / each)] for part in (first, last)
        ]
        self._root.__path__ = list(dict.fromkeys([*places[0], *own, *places[1]]))
        sys.path[:] = [each for each in sys.path if each not in added]
        self._known.clear()

    def owns(self, top: str) -> bool:
        """Whether a module of this name is found in the world's folders, as it would be if the code were run there."""
        if top not in self._known:
            self._known[top] = self._look_up(top)
        return self._known[top]

    def _look_up(self, top: str) -> bool:
        if top in sys.stdlib_module_names or top == _OURS or top.startswith(_PREFIX):
            return False
        spec = importlib.machinery.PathFinder.find_spec(f"{self.package}.{top}", list(self._root.__path__))
        if spec is None:
            return False
        if spec.origin is not None:
            return not is_installed(Path(os.path.realpath(spec.origin)))
        # a folder without __init__.py: a library of this name comes first
        try:
            elsewhere = importlib.util.find_spec(top)
        except (ImportError, ValueError):
            elsewhere = None
        return elsewhere is None or elsewhere.origin is None

    def _import(
        self,
        name: str,
        globals: Any = None,
        locals: Any = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        """`__import__` as this world's code has it."""
        self._adopt()
        if level:
            return _real_import(name, globals, locals, fromlist or (), level)
        top = name.partition(".")[0]
        if top == "importlib" and not (fromlist and name != "importlib"):
            _real_import(name, globals, locals, fromlist or (), 0)
            return self._importlib
        if self.owns(top):
            found = _real_import(f"{self.package}.{name}", None, None, fromlist or (), 0)
            return found if fromlist else sys.modules[f"{self.package}.{top}"]
        found = _real_import(name, globals, locals, fromlist or (), level)
        self._note_modules(top)
        return found

    def import_module(self, name: str, package: str | None = None) -> ModuleType:
        """`importlib.import_module` as this world's code has it."""
        self._adopt()
        if name.startswith("."):
            return importlib.import_module(name, package)
        if self.owns(name.partition(".")[0]):
            return importlib.import_module(f"{self.package}.{name}")
        found = importlib.import_module(name)
        self._note_modules(name.partition(".")[0])
        return found

    def _note_modules(self, top: str) -> None:
        """Notes the files of a module of the user's that lies elsewhere on Python's path; it may be loaded already."""
        origin = getattr(sys.modules.get(top), "__file__", None)
        if not self._is_loading or origin is None or is_installed(Path(origin)):
            return
        for name, each in list(sys.modules.items()):
            if name == top or name.startswith(top + "."):
                found = getattr(each, "__file__", None)
                if found:
                    self.note_code(found)


class _Importlib(ModuleType):
    """`importlib` for a world's code: `import_module` stays in the world."""

    def __init__(self, world: World) -> None:
        super().__init__("importlib")
        self.import_module = world.import_module

    def __getattr__(self, name: str) -> Any:
        return getattr(importlib, name)


class _Loader(importlib.machinery.SourceFileLoader):
    """Runs a world's file with that world's `__import__`, from its source: compiled files tell edits by the second."""

    def get_code(self, fullname: str) -> Any:
        path = self.get_filename(fullname)
        return self.source_to_code(self.get_data(path), path)

    def exec_module(self, module: ModuleType) -> None:
        world = _worlds[module.__name__.partition(".")[0]]
        world.note_code(self.path)
        module.__dict__["__builtins__"] = world._builtins
        super().exec_module(module)


class _Finder(importlib.abc.MetaPathFinder):
    """Finds the modules of worlds."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if not fullname.startswith(_PREFIX) or path is None:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is not None and type(spec.loader) is importlib.machinery.SourceFileLoader:
            spec.loader = _Loader(fullname, spec.loader.path)
        return spec


def world_of(folder: Path) -> World:
    """The world of a folder, as its files are now."""
    folder = folder.resolve()
    with _lock:
        world = _by_folder.get(folder)
        if world is not None and world.is_stale():
            world.close()
            world = None
        if world is None:
            if not _by_folder:
                sys.meta_path.insert(0, _Finder())
                sys.addaudithook(_heard)
            world = _by_folder[folder] = World(folder)
        return world


def is_installed(path: Path) -> bool:
    """Whether a file belongs to Python, to a library that was installed, or to us: not to the user."""
    return any(path.is_relative_to(folder) for folder in _INSTALLED)


def _hash(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""


def _cwd() -> str | None:
    try:
        return str(Path.cwd())
    except OSError:
        return None


def _heard(event: str, arguments: tuple[Any, ...]) -> None:
    """Notes what a world's code opens for reading: its modules, and what they read when they are imported."""
    if event != "open" or not _reading or _reading[-1][0] != threading.get_ident():
        return
    path, mode = arguments[:2]
    if isinstance(path, (str, os.PathLike)) and (mode is None or "r" in mode):
        _, world = _reading.pop()  # to look at a file opens it too
        try:
            world.note_data(os.fspath(path))
        except (OSError, ValueError, TypeError):
            pass
        finally:
            _reading.append((threading.get_ident(), world))


_LIBRARIES: list[str] = [
    *(sysconfig.get_paths()[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")),
    *site.getsitepackages(),
    site.getusersitepackages(),
    str(Path(__file__).parents[1]),
]
_INSTALLED = tuple(dict.fromkeys(Path(os.path.realpath(folder)) for folder in _LIBRARIES))
_lock = threading.RLock()
_numbers = iter(range(1, sys.maxsize))
_worlds: dict[str, World] = {}
_by_folder: dict[Path, World] = {}
_reading: list[tuple[int, World]] = []

"""YAML into typed data: what is wrong with a file is said in one line, by file and key."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from l2xbench.errors import RequestError, did_you_mean

Model = TypeVar("Model", bound=BaseModel)

NAME = r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}"
"""A name that files can be called by, as a regular expression."""


def has_negative(text: str, *counts: int) -> bool:
    """Whether a text is of whole numbers between commas, as many as one of `counts`, and one of them is below 0.

    Examples:
        >>> has_negative("-4,40,24", 1, 3), has_negative("-4,40", 1, 3), has_negative("4,40", 2)
        (True, False, False)
    """
    if "-" not in text or text.count(",") + 1 not in counts:
        return False
    return re.fullmatch(r"\s*-?\d+\s*(,\s*-?\d+\s*)*", text) is not None


class Strict(BaseModel):
    """Typed data from a file: no unknown key, nothing changed after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=False)


MERGE = "tag:yaml.org,2002:merge"
MOST_MERGED = 10_000
"""More keys than this are not merged into one mapping: merges of merges grow without end in a few lines."""


SCIENTIFIC = re.compile(r"[-+]?(\d+[eE][-+]\d+|(\d+\.\d*|\.\d+)[eE][-+]?\d+)$")
"""`1e-1` and `2.5e3`, which YAML 1.1 reads as text. Without a sign or a point (`1e5`) it may be part of a hash."""


class _Loader(yaml.SafeLoader):
    """Tags never make Python objects, and numbers are what everybody takes for numbers."""

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Carries out merges: a mapping's own key wins, also in one that is merged into others.

        PyYAML 6.0.4 takes the first of a name there, which is what was merged.
        """
        super().flatten_mapping(node)
        last: dict[Any, tuple[yaml.Node, yaml.Node]] = {}
        for key, value in node.value:
            last[(key.tag, key.value) if isinstance(key, yaml.ScalarNode) else id(key)] = (key, value)
        node.value = list(last.values())


_Loader.add_implicit_resolver("tag:yaml.org,2002:float", SCIENTIFIC, list("-+.0123456789"))


def parse_yaml(text: str) -> Any:
    """YAML's value; a key that stands twice, of which YAML would keep the last, is refused.

    A key that a merge (`<<: *anchor`) brings may stand again: the mapping's own wins.

    Examples:
        >>> parse_yaml("{rate: 1e-1, hash: 12e45678}")
        {'rate': 0.1, 'hash': '12e45678'}

    Raises:
        yaml.YAMLError: it is not YAML.
        ValueError: a value is none of its kind, such as a date of month 13.
        RecursionError: it is nested too deeply.
    """
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        _refuse_twice(loader, node)
        return loader.construct_document(node)
    finally:
        loader.dispose()


def _refuse_twice(loader: _Loader, root: yaml.Node) -> None:
    """Looks at every mapping before merges are carried out, which change it."""
    waiting, looked_at = [root], {id(root)}
    merged: dict[int, int] = {}
    while waiting:
        node = waiting.pop()
        parts: list[yaml.Node] = []
        if isinstance(node, yaml.MappingNode):
            _merged_keys(node, merged)
            seen: set[Any] = set()
            for key_node, value_node in node.value:
                parts += [key_node, value_node]
                key = _scalar(loader, key_node)
                if key in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"the key '{key_node.value}' stands twice", key_node.start_mark
                    )
                if key is not None:
                    seen.add(key)
        elif isinstance(node, yaml.SequenceNode):
            parts = node.value
        for part in parts:
            if id(part) not in looked_at:
                looked_at.add(id(part))
                waiting.append(part)


def _scalar(loader: _Loader, node: yaml.Node) -> object:
    """What tells a key from others; None where SafeLoader has a clear message of its own, for keys such as lists."""
    if not isinstance(node, yaml.ScalarNode):
        return None
    if node.tag == MERGE:
        return (MERGE, MERGE)
    value = loader.construct_object(node, deep=True)
    return (value,) if isinstance(value, (str, int, float, bool, type(None))) else None


def _merged_keys(node: yaml.MappingNode, known: dict[int, int]) -> int:
    """How many keys a mapping has with all that is merged into it."""
    if id(node) not in known:
        known[id(node)] = 0  # one that is merged into itself is told by the construction
        total = 0
        for key_node, value_node in node.value:
            total += 1
            if key_node.tag == MERGE:
                several = value_node.value if isinstance(value_node, yaml.SequenceNode) else [value_node]
                total += sum(_merged_keys(each, known) for each in several if isinstance(each, yaml.MappingNode))
            if total > MOST_MERGED:
                raise yaml.constructor.ConstructorError(
                    None, None, f"more than {MOST_MERGED:,} keys are merged into one mapping", key_node.start_mark
                )
        known[id(node)] = total
    return known[id(node)]


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML file's mapping.

    Raises:
        RequestError: the file is missing, unreadable, not YAML, or not a mapping.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise RequestError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise RequestError(f"{path}: this is a folder; a YAML file is needed") from None
    except UnicodeDecodeError:
        raise RequestError(f"{path}: not a text file; a YAML file in UTF-8 is needed") from None
    except OSError as error:
        raise RequestError(f"{path}: cannot be read ({error.strerror})") from None
    try:
        data = parse_yaml(text)
    except RecursionError:
        raise RequestError(f"{path}: not valid YAML: nested too deeply") from None
    except (yaml.YAMLError, ValueError) as error:
        raise RequestError(f"{path}: not valid YAML: {_yaml_problem(error)}") from None
    if data is None:
        raise RequestError(f"{path}: the file is empty")
    if not isinstance(data, dict):
        raise RequestError(f"{path}: a mapping (key: value) is needed at the top, found a {_type_name(data)}")
    return data


def _yaml_problem(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    problem = getattr(error, "problem", None) or str(error)
    where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    return where + " ".join(str(problem).split())


def parse(model: type[Model], data: Any, source: str) -> Model:
    """`data` as a `model`.

    Raises:
        RequestError: in one line, the source, each wrong key's path, what was found and what is allowed.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        lines = [_explain(model, detail) for detail in error.errors()]
        more = f" (and {len(lines) - 3} more)" if len(lines) > 3 else ""
        raise RequestError(f"{source}: {'; '.join(lines[:3])}{more}") from None


def key_path(location: tuple[int | str, ...]) -> str:
    """`("models", "edsr", 0)` as a user writes it: `models.edsr[0]`.

    A part in <> or [] is no key: it tells which of several kinds a value was taken for, or that the key is
    meant itself.

    Examples:
        >>> key_path(("lam", "cases", "<list>", 0, "window"))
        'lam.cases[0].window'
        >>> key_path(("models", "my net", "[key]"))
        'models.my net'
    """
    path = ""
    for part in location:
        if isinstance(part, str) and re.fullmatch(r"<.*>|\[key\]", part):
            continue
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else str(part)
    return path or "the top level"


def _explain(model: type[BaseModel], detail: ErrorDetails) -> str:
    location, kind, found = detail["loc"], detail["type"], detail["input"]
    path = key_path(location)
    if kind == "extra_forbidden":
        parent = _model_at(model, location[:-1])
        allowed = list(parent.model_fields) if parent else []
        return f"{path}: unknown key; {did_you_mean(str(location[-1]), allowed)}"
    if kind == "missing":
        return f"{path}: this key is required"
    message = detail["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    if kind == "value_error":
        return f"{path}: {message}"
    if kind == "literal_error" and isinstance(found, str):
        expected = detail.get("ctx", {}).get("expected", "")
        names = [part.strip().strip("'") for part in expected.replace(" or ", ", ").split(",")]
        return f"{path}: found '{_short(found)}', allowed: {', '.join(names)}; {did_you_mean(found, names)}"
    return f"{path}: found {_short(found)!r} ({_type_name(found)}), needed: {message}"


def _model_at(model: type[BaseModel], location: tuple[int | str, ...]) -> type[BaseModel] | None:
    """The model that the keys at `location` belong to, found through dictionaries, lists and unions."""
    current: Any = model
    for part in location:
        if isinstance(current, type) and issubclass(current, BaseModel) and part in current.model_fields:
            current = _innermost_model(current.model_fields[str(part)].annotation) or current
    return current if isinstance(current, type) and issubclass(current, BaseModel) else None


def _innermost_model(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in get_args(annotation):
        found = _innermost_model(argument)
        if found:
            return found
    return None


def _short(value: Any) -> Any:
    text = str(value)
    return value if len(text) <= 60 else text[:57] + "..."


def _type_name(value: Any) -> str:
    names = {dict: "mapping", list: "list", str: "text", bool: "true/false", type(None): "nothing"}
    return names.get(type(value), type(value).__name__)

"""Flags that several commands share, as the parameters of each."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from functools import wraps
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import typer

Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]


def unfolded(command: Callable[..., None]) -> Callable[..., None]:
    """A command as typer takes it: a parameter whose type is a dataclass of flags becomes those flags.

    Every command gets `--debug` besides, which `main` looks for.
    """
    hints = {name: _annotated(hint) for name, hint in get_type_hints(command, include_extras=True).items()}
    groups = {name: hints[name] for name in inspect.signature(command).parameters if is_dataclass(hints[name])}
    parameters = [
        each.replace(annotation=hints[each.name], kind=inspect.Parameter.KEYWORD_ONLY)
        for each in inspect.signature(command).parameters.values()
        if each.name not in groups
    ]
    for group in groups.values():
        types = get_type_hints(group, include_extras=True)
        parameters += [_flag(field.name, types[field.name], field.default) for field in fields(group)]
    parameters.append(_flag("debug", Debug, False))

    @wraps(command)
    def called(debug: bool = False, **given: Any) -> None:
        folded = {
            name: group(**{field.name: given.pop(field.name) for field in fields(group)})
            for name, group in groups.items()
        }
        command(**given, **folded)

    called.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    called.__annotations__ = {each.name: each.annotation for each in parameters}
    return called


def _annotated(hint: Any) -> Any:
    """The hint of a flag without the Optional that Python 3.10 puts around what has None as its default."""
    if get_origin(hint) is Annotated:
        return hint
    return next((part for part in get_args(hint) if get_origin(part) is Annotated), hint)


def _flag(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)

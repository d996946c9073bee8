"""The reference pages that are made from the code: mkdocs runs this while it builds the site (`make docs`).

Command line from typer, a study's keys from its typed models, cards from `models`, rules from the table of treatments:
what stands there cannot differ from what the program does.
"""

from __future__ import annotations

import inspect
import re
import types
import typing
from collections.abc import Iterable, Iterator
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from l2xbench.attribution.rules.call import KINDS
from l2xbench.attribution.rules.table import CALLS, LINES, REFUSED
from l2xbench.cli.program import COMMANDS
from l2xbench.config import Block, StudyConfig
from l2xbench.studies.registry import all_studies
from l2xbench.validation import Strict
from l2xbench.zoo.cards import ModelCard, bundled_cards, read_card
from l2xbench.zoo.weights import state

LONGEST = 24
"""Letters of a default that stay on one line."""
TITLES = "| key | value | default | what it does |"


def field_docs(model: type[BaseModel]) -> dict[str, str]:
    """The docstring below each field of a model and of those that it extends."""
    found: dict[str, str] = {}
    for base in reversed(model.__mro__):
        if not (isinstance(base, type) and issubclass(base, BaseModel)) or base in (BaseModel, Strict, Block):
            continue
        source = inspect.getsource(base)
        for name, text in re.findall(
            r'^    (\w+):(?:.*\n)(?:(?:        .*|    [\])].*)\n)*    """((?:.|\n)*?)"""', source, re.M
        ):
            found[name] = " ".join(text.split())
    return found


def type_text(annotation: Any) -> str:
    """A type as a user of YAML would say it: `pixel or element`, `list of numbers`."""
    if get_origin(annotation) is typing.Annotated:
        return type_text(get_args(annotation)[0])
    origin, inside = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return " or ".join(f"`{each}`" for each in inside)
    if origin in (typing.Union, types.UnionType):
        kinds = dict.fromkeys(type_text(each) for each in inside)
        return " or ".join(kinds)
    if origin is list:
        return f"list of {type_text(inside[0])}"
    if origin is tuple:
        return f"list of {len([each for each in inside if each is not Ellipsis])}"
    if origin is dict:
        return f"names, each with {type_text(inside[1])}"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return f"[{annotation.__name__}](#{annotation.__name__.lower()})"
    return {
        int: "whole number",
        float: "number",
        str: "text",
        bool: "`true` or `false`",
        type(None): "null",
        Any: "anything",
    }.get(annotation, getattr(annotation, "__name__", str(annotation)))


def default_text(field: FieldInfo) -> str:
    """A field's default as YAML says it."""
    value = field.get_default(call_default_factory=True)
    if field.is_required() or value is PydanticUndefined:
        return "needed"
    if isinstance(value, BaseModel):
        return "`{}`"
    said = {None: "null", True: "true", False: "false"}.get(value) if isinstance(value, (bool, type(None))) else None
    text = str(said if said is not None else value).replace("'", "").replace("|", "\\|")
    if not text:
        return ""
    return f"`{text}`" + ("{.long}" if len(text) > LONGEST else "")


def keys_of(model: type[BaseModel], hidden: Iterable[str] = ()) -> str:
    """A model's keys as a Markdown table, and below it those of the models within it."""
    docs = field_docs(model)
    lines = [TITLES, "| --- | --- | --- | --- |"]
    below: list[type[BaseModel]] = []
    for name, field in model.model_fields.items():
        if name in hidden:
            continue
        told = shown(docs.get(name, "")).replace("|", "\\|")
        said = type_text(field.annotation).replace("|", "\\|")
        lines.append(f"| `{name}` | {said} | {default_text(field)} | {told} |")
        below += models_within(field.annotation)
    text = "\n".join(lines) + "\n"
    for inner in dict.fromkeys(below):
        text += f"\n### {inner.__name__}\n\n{first_paragraph(inner)}\n\n{keys_of(inner)}"
    return text


def models_within(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models of ours that a type mentions."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inside in get_args(annotation):
        yield from models_within(inside)


def first_paragraph(thing: Any) -> str:
    """What an object's docstring says first."""
    return " ".join((inspect.getdoc(thing) or "").split("\n\n")[0].split())


def study_page() -> str:
    """Every key of a study's YAML."""
    text = (
        "# A study's keys\n\nMade from the code that reads them. Every key can be given on the command line too: "
        "`--set attribution.reference=mean`. An unknown key, or a wrong value, is one line that says what would be "
        "right.\n\n## At the top\n\n"
    )
    text += keys_of(StudyConfig)
    for study in all_studies():
        for block in study.blocks:
            off = {"off": "Off without this block; `{}` takes its defaults.", "on": "On with its defaults; null: off."}
            always = "Always on."
            text += (
                f"\n## `{block.key}`\n\n{first_paragraph(block)} {off.get(block.absent, always)}\n\n{keys_of(block)}"
            )
    return text


def card_page() -> str:
    """Every key of a card."""
    return (
        "# A card's keys\n\nA card is a YAML that says what a network is, how it is built, and where its weights are. "
        "Name it by its path wherever a network is named, or write its keys in a study.\n\n"
        + keys_of(ModelCard, hidden=("folder",))
    )


def networks_page() -> str:
    """The cards that come with l2xbench."""
    lines = [
        "# Networks\n\nThe cards that come with l2xbench, as `l2xbench models` lists them.\n",
        "| card | network | scale | parameters | checkpoint | paper |",
        "| --- | --- | ---: | ---: | --- | --- |",
    ]
    for name, path in bundled_cards().items():
        card = read_card(path)
        where = state(card).value.replace("present", "to fetch")
        parameters = "" if card.parameters is None else f"{card.parameters:,}"
        lines.append(f"| `{name}` | {card.title} | {card.scale or ''} | {parameters} | {where} | {card.paper or ''} |")
    return "\n".join(lines) + "\n"


def rules_page() -> str:
    """The table of treatments."""
    lines = [
        (
            "# Rules\n\nHow a difference between image and reference passes through PyTorch's operations: `l2xbench "
            "rules` prints it as a table, and `l2xbench rules pow` one operation with the code that is its rule. Each "
            "line below has the operation's kind, in brackets the arguments for which it holds, the rule, and its "
            "source. Where an operation has several, the first whose arguments fit holds. $x$ is the image's value, "
            "$x'$ the reference's.\n"
        ),
        "| kind | meaning |",
        "| --- | --- |",
        *(f"| {kind} | {meaning} |" for kind, meaning in KINDS.items()),
        "",
    ]
    for line in [*LINES, *CALLS]:
        ways = line[0].treatments
        lines += ["", " ".join(f"`{row.name}`" for row in line), ""]
        for way in ways:
            mark = "1." if len(ways) > 1 else "-"
            lines.append(f"{mark} " + way_text(way.kind, way.formula, way.source, way.holds()))
    lines += ["", " ".join(f"`{name}()`" for name in REFUSED), "", "- " + way_text("refused", KINDS["refused"])]
    return "\n".join(lines) + "\n"


def way_text(kind: str, rule: str, source: str | None = None, arguments: str = "any") -> str:
    """A line of an operation's list: how a difference passes, for which arguments, and by whom."""
    where = "" if arguments == "any" else f" ({arguments})"
    return shown(f"**{kind}**{where}: {rule}" + (f" [{source}]" if source else ""))


def command_page() -> str:
    """Every command with its flags, as typer knows them."""
    from typer.main import get_command

    from l2xbench.cli.program import app

    group: Any = get_command(app)
    lines = ["# Command line\n\nMade from the program itself: `l2xbench COMMAND --help` says the same.\n"]
    for module in COMMANDS:
        name = module.__name__.rpartition(".")[2]
        command = group.commands[name]
        context = command.make_context(name, [], resilient_parsing=True)
        wanted = " ".join(command.collect_usage_pieces(context))
        lines += [f"## l2xbench {name}\n", f"```text\nl2xbench {name} {wanted}\n```\n", _help(command.help), ""]
        lines += ["| word or flag | default | what it does |", "| --- | --- | --- |"]
        for parameter in command.params:
            if getattr(parameter, "hidden", False):
                continue
            is_flag = parameter.opts[0].startswith("-")
            both = (
                [*parameter.opts, *parameter.secondary_opts]
                if is_flag
                else [parameter.metavar or parameter.name.upper()]
            )
            spelled = ", ".join(f"`{each}`" for each in both)
            usual = "" if parameter.default in (None, False, ()) else f"`{usual_text(parameter)}`"
            lines.append(
                f"| {spelled} | {usual} | {_help(getattr(parameter, 'help', '')).replace('|', chr(92) + '|')} |"
            )
        lines += ["", f"```sh\n{module.EXAMPLE}\n```\n"]
    return "\n".join(lines) + "\n"


def usual_text(parameter: Any) -> str:
    """A parameter's default as it is typed: a switch by its name."""
    return str(parameter.opts[0] if parameter.default is True else parameter.default)


def _help(text: str | None) -> str:
    # rich's escapes and marks are for the terminal
    return shown(" ".join(re.sub(r"\\\[", "[", re.sub(r"\[/?(?:bold|dim|italic)\]", "", text or "")).split()))


def shown(text: str) -> str:
    """Text with its angle brackets as such, which would be taken for tags; in code they are safe.

    Examples:
        >>> shown("`a<b>` in results/<study>")
        '`a<b>` in results/&lt;study>'
    """
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(part if part.startswith("`") else part.replace("<", "&lt;") for part in parts)


PAGES = {
    "reference/command-line.md": command_page,
    "reference/study.md": study_page,
    "reference/card.md": card_page,
    "reference/networks.md": networks_page,
    "reference/rules.md": rules_page,
}


def build() -> None:
    """Gives mkdocs the pages; called when mkdocs runs this file."""
    import mkdocs_gen_files

    for name, page in PAGES.items():
        with mkdocs_gen_files.open(name, "w") as file:
            file.write(page())


if __name__ in ("__main__", "<run_path>"):
    build()

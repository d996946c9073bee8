"""What every command has, and that flags which several share are declared once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import pandas as pd
import pytest
import typer
from typer.main import get_command

from l2xbench.cli.flags import StudyFlags
from l2xbench.cli.program import COMMANDS, app
from l2xbench.cli.unfold import unfolded
from tests.conftest import Command

NAMES = [module.__name__.rpartition(".")[2] for module in COMMANDS]


@pytest.fixture(scope="module")
def commands() -> dict[str, object]:
    return get_command(app).commands


@pytest.mark.parametrize("name", NAMES)
def test_every_command_has_a_line_of_help_an_example_and_debug(name: str, commands: dict[str, object]) -> None:
    command = commands[name]
    assert command.epilog.startswith(f"Example: l2xbench {name}")
    assert command.help
    assert [each for each in command.params if "--debug" in each.opts]
    for each in command.params:
        assert each.help, f"{name}: {each.name} has no help"


def test_commands_that_run_a_study_have_the_same_flags(commands: dict[str, object]) -> None:
    shared = {field.name for field in fields(StudyFlags)}
    of_run, *of_others = (
        {each.name: (each.opts, each.help) for each in commands[name].params if each.name in shared}
        for name in ("run", "ablate", "cka")
    )
    assert set(of_run) == shared
    assert all(each == of_run for each in of_others)


def test_a_commands_flags_arrive_together() -> None:
    arrived = []

    def command(config: str, flags: StudyFlags, status: bool = False) -> None:
        arrived.append((config, flags, status))

    small = typer.Typer()
    small.command()(unfolded(command))
    get_command(small).main(["a.yaml", "--models", "x,y", "--seed", "3", "--debug"], standalone_mode=False)
    assert arrived == [("a.yaml", StudyFlags(models="x,y", seed=3), False)]


def test_help_and_titles_keep_what_stands_in_brackets(l2xbench: Command, capsys: pytest.CaptureFixture[str]) -> None:
    told = " ".join(l2xbench("run", "--help").stdout.replace("│", " ").split())
    assert "'l2xbench[ray]'" in told
    from rich.console import Console

    from l2xbench.commands.screen_tables import show_table

    show_table(Console(width=80), pd.DataFrame({"[red]": ["[i] " + 30 * "x"]}), "[bold].png: l2x")
    shown = capsys.readouterr().out
    assert "[bold].png: l2x" in shown and "[red]" in shown and "[i]" in shown


def test_a_seed_above_64_bits_is_told_at_once(l2xbench: Command, write_study: Callable[..., Path]) -> None:
    study = write_study(seed=2**64)
    other = write_study().rename(study.with_name("other.yaml"))
    write_study(seed=2**64)
    for arguments in (("run", study), ("run", other, "--seed", 2**64), ("explain", "a.png", "--seed", 2**64)):
        done = l2xbench(*arguments)
        assert done.returncode == 2
        assert "seed" in done.stderr and len(done.stderr.strip().splitlines()) == 1

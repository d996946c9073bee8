"""A study's YAML with the blocks of all studies that are installed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from pydantic import create_model

from l2xbench.config import Block, StudyConfig, read_config
from l2xbench.studies.registry import all_studies
from l2xbench.validation import parse


@cache
def config_model() -> type[StudyConfig]:
    """`StudyConfig` with a field for each block of each study."""
    fields: dict[str, Any] = {block.key: _field(block) for study in all_studies() for block in study.blocks}
    return create_model("StudyConfig", __base__=StudyConfig, __doc__=StudyConfig.__doc__, **fields)


def _field(block: type[Block]) -> tuple[Any, Block | None]:
    if block.absent == "always on":
        return block, block()
    return block | None, block() if block.absent == "on" else None


def read_study(
    name: str, overrides: Mapping[str, Any] | None = None, models: Sequence[str] | None = None
) -> StudyConfig:
    """The study in a YAML file, with flags on top; see `l2xbench.config.read_config`.

    Examples:
        >>> study = read_study("demo", {"seed": 3}, models=["edsr", "rcan"])
        >>> study.seed, list(study.models), study.scale
        (3, ['edsr', 'rcan'], 4)
    """
    return read_config(config_model(), name, overrides, models)


def parse_study(data: Any, source: str = "the study") -> StudyConfig:
    """What a YAML holds, or a manifest keeps, as a study.

    Raises:
        RequestError: what is wrong, by `source` and key.
    """
    return parse(config_model(), data, source)

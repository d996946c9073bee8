"""Whole studies from Python."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from l2xbench.commands import run
from l2xbench.config import StudyConfig, rooted
from l2xbench.notebook.folder import ResultsFolder, open_results
from l2xbench.studies.reading import parse_study, read_study


def run_study(
    study: Mapping[str, Any] | Path | str,
    out: Path | str | None = None,
    *,
    data_root: Path | str | None = None,
    only: str | None = None,
    fresh: bool = False,
    retry_failed: bool = False,
) -> ResultsFolder:
    """Runs a study as `l2xbench run` does, and opens its results; what is done already is not done again.

    Args:
        study: what the YAML would say, a YAML's path, or a bundled study's name (`demo`). Relative paths start at the
            YAML's folder, of a mapping at the working one.
        out: the results folder; `results/<study>` by default.
        data_root: where known test sets lie.
        only: one part of it (`ablation`, `similarity`, ...) and what that needs.
        fresh: do everything anew.
        retry_failed: try again what failed before.

    Returns:
        tables, figures and maps; `tables["failures"]` names what failed, if anything did.

    Raises:
        RequestError: the study cannot be carried out as written.

    Examples:
        >>> import contextlib, io, tempfile
        >>> import l2xbench
        >>> small = {"path": "skimage", "crop": 8, "images": 1}
        >>> study = {"study": "small", "models": {"carn": "carn-compact"}, "datasets": {"photographs": small}}
        >>> with contextlib.redirect_stdout(io.StringIO()):  # what the command would say on the screen
        ...     results = l2xbench.run_study(study, tempfile.mkdtemp())
        >>> len(results.tables["restoration"]), results.maps()
        (2, [('photographs', 'carn', 'astronaut')])
    """
    config = _read(study)
    folder = Path("results", config.study) if out is None else Path(out).expanduser()
    how = run.How(None if data_root is None else Path(data_root), fresh=fresh, retry_failed=retry_failed)
    run.run_study(config, folder, how, only=only)
    return open_results(folder)


def _read(study: Mapping[str, Any] | Path | str) -> StudyConfig:
    if isinstance(study, Mapping):
        return rooted(parse_study(dict(study), "study"), Path())
    return read_study(str(study))

"""One command from start to end: plan, run, report, and what is shown of it."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.markup import escape

from l2xbench.commands import fetch, screen
from l2xbench.commands.screen_tables import show_table
from l2xbench.config import StudyConfig
from l2xbench.draw.drawers import Drawers
from l2xbench.report.ahead import Ahead
from l2xbench.report.build import build_report
from l2xbench.report.findings import PATH as FINDINGS
from l2xbench.report.findings import write_findings
from l2xbench.report.page import Page, write_page
from l2xbench.report.superseded import remove_superseded, told
from l2xbench.report.tables import study_tables
from l2xbench.run import runner
from l2xbench.run.choice import make_engine
from l2xbench.run.lookup import Incomplete
from l2xbench.run.manifest import make_manifest
from l2xbench.run.plan import Plan, make_plan, no_network
from l2xbench.run.preflight import faults, unreadable
from l2xbench.run.progress import Progress
from l2xbench.run.results import all_failures, read_runs
from l2xbench.run.results_folder import require_own
from l2xbench.run.takeover import take_over
from l2xbench.store.damage import DamagedFile
from l2xbench.store.lock import run_lock
from l2xbench.store.records import Failure
from l2xbench.store.results import Results
from l2xbench.store.store import Store
from l2xbench.studies.registry import all_studies
from l2xbench.system.command import command_line


@dataclass(frozen=True)
class How:
    """What of a command changes how a study is carried out, not what it is."""

    data_root: Path | None = None
    dry_run: bool = False
    fresh: bool = False
    retry_failed: bool = False
    like: Path | None = None
    """A folder of the same study, whose records are taken over where they are of the same work."""


def run_study(study: StudyConfig, out: Path, how: How, *, only: str | None = None) -> int:
    """Runs a study, or the one part of it called `only` and what that needs, into the folder `out`.

    Returns:
        the exit code: 0 done, 1 some units failed.

    Raises:
        RequestError: the study cannot be carried out as written, or `out` holds something else.
    """
    with study.named_by_file():
        return _run(study, out, how, only)


def _run(study: StudyConfig, out: Path, how: How, only: str | None) -> int:
    require_own(out, study.study)
    console = screen.run_console()
    try:
        plan = make_plan(study, out, how.data_root)
    except Incomplete as lacking:
        if how.dry_run:
            fetch.tell_missing(console, lacking.missing)
            return 0
        fetch.fetch_missing(console, lacking.missing)
        plan = make_plan(study, out, how.data_root)
    if only is not None:
        plan = plan.only(only)
    notices = [each.notice(study) for each in all_studies() if only in (None, each.name)]
    for notice in filter(None, notices):
        console.print(notice, markup=False, highlight=False)
    if how.dry_run:
        return _show_plan(console, plan)
    store = Store(out)
    store.prepare()
    with run_lock(out):
        if how.like is not None and not how.fresh:
            taken = take_over(store, how.like, {unit.group for unit, _ in plan.groups()})
            if taken:
                console.print(f"{taken} units taken over from {how.like}", markup=False, highlight=False)
        plan = _settled(console, plan, store, how, only)
        result, made = _carry_out(console, plan, store, how, only)
    tables = made.results.once(study_tables)
    for each in all_studies():
        summary = each.summary(made.results, tables[each.name])
        if summary is not None:
            show_table(console, summary.frame, f"{study.study}: {summary.title}", f"{screen.relative(out)}/tables")
            for warning in summary.warnings:
                console.print(f"[yellow]warning[/] {escape(warning)}", soft_wrap=True)
    reused = f", {result.reused} found done" if result.reused else ""
    failed = f", {len(result.failures)} failed (tables/failures.csv)" if result.failures else ""
    console.print(f"{result.computed} units computed{reused}{failed}", highlight=False)
    if result.untried:
        console.print(f"{result.untried} failed before and were not tried again; --retry-failed does", highlight=False)
    screen.show_paths(console, out, made.paths)
    screen.show_page(console, made.page)
    return 1 if result.failures or made.undrawn else 0


def _settled(console: Console, plan: Plan, store: Store, how: How, only: str | None) -> Plan:
    """The plan with what studies leave open decided by the records of others, which are made first."""
    for each in all_studies():
        first = each.settled_by(plan.study) if only in (None, each.name) else None
        if first is not None:
            with screen.RunProgress(console) as progress:
                records = runner.run(
                    plan.only(first), store, progress, make_engine(plan), retry_failed=how.retry_failed, only=only
                ).records
                progress.working(f"settling {each.name}")
                plan = replace(plan, study=each.settled(plan.study, records, store))
    return plan


@dataclass(frozen=True)
class _Made:
    """What came of a run's records."""

    results: Results
    paths: list[tuple[str, Path]]
    page: Page
    undrawn: list[Failure]


def _carry_out(console: Console, plan: Plan, store: Store, how: How, only: str | None) -> tuple[runner.Result, _Made]:
    for dataset in plan.datasets:
        if dataset.note:
            console.print(f"{dataset.name}: {dataset.note}", markup=False, highlight=False, soft_wrap=True)
    store.sweep()
    started = datetime.now(timezone.utc)
    mended: set[str] = set()
    with screen.RunProgress(console) as progress, closing(Drawers()) as drawers:
        while True:
            first = not mended
            engine = make_engine(plan)
            with closing(Ahead(store, plan, drawers)) as ahead:
                result = runner.run(
                    plan,
                    store,
                    progress,
                    engine,
                    fresh=how.fresh and first,
                    retry_failed=how.retry_failed and first,
                    only=only,
                    on_record=ahead.on_record if only is None else None,
                )
            progress.working("tables")
            manifest = make_manifest(plan, result, started=started, command=command_line(), engine=engine, only=only)
            written = store.write_text(_manifest_name(store.root, only), json.dumps(manifest.as_json(), indent=2))
            try:
                results = Results(store, written.name, manifest, result.records, result.failures)
                return result, _report(results, progress, drawers)
            except DamagedFile as error:
                if str(error) in mended:
                    raise
                mended.add(str(error))  # it is gone, so that its unit is left to do
                progress.note(str(error))


def _report(results: Results, progress: Progress, drawers: Drawers) -> _Made:
    """Tables and figures of a run, and the page of all runs of its folder."""
    runs = [results, *read_runs(results.store, but=results.name)]
    report = build_report(results, all_failures(runs), progress, drawers)
    root = results.store.root
    findings = [("findings", root / FINDINGS)] if write_findings(runs) else []
    if removed := remove_superseded(runs, report.files):
        progress.note(told(removed))
    page = write_page(runs, progress, undrawn=report.undrawn)
    return _Made(results, [*findings, *report.paths, ("manifest", root / results.name)], page, report.undrawn)


def _show_plan(console: Console, plan: Plan) -> int:
    """What would be done; the exit code is that which a run would have, as far as can be told."""
    with console.status("building each network once, and looking at each image"):
        found = faults(plan)
        unread = unreadable(plan)
    if len(found) == len(plan.study.models):
        raise no_network(found)
    units = pd.DataFrame([{"study": unit.study, "units": len(dataset.pairs)} for unit, dataset in plan.groups()])
    models = pd.DataFrame(
        [
            {
                "model": m.name,
                "card": m.source.card.name,
                "provider": m.source.card.provider,
                "weights": m.source.described,
            }
            for m in plan.models
        ]
    )
    datasets = pd.DataFrame(
        [
            {"dataset": d.name, "images": len(d.pairs), "layout": d.layout, "folder": str(d.root), "note": d.note or ""}
            for d in plan.datasets
        ]
    )
    counts = units.groupby("study", sort=False)["units"].sum().reset_index()
    show_table(console, models, "networks")
    show_table(console, datasets, "images")
    show_table(console, counts, f"{counts['units'].sum()} units of work")
    screen.show_paths(console, plan.out, [("results go to", plan.out)])
    for name, reason in found.items():
        screen.show_failure(console, name, reason)
    for (dataset, image), reason in unread.items():
        screen.show_failure(console, f"{dataset} {image}", reason)
    return 1 if found or unread else 0


def _manifest_name(out: Path, only: str | None) -> str:
    """`manifest.json`; a part of a study leaves that of a whole run, which other tables are from, as it is."""
    if only is None:
        return "manifest.json"
    try:
        there = json.loads((out / "manifest.json").read_text()).get("only")
    except (OSError, ValueError):
        there = only
    return "manifest.json" if there == only else f"manifest-{only}.json"

"""`l2xbench run --status`: what is done, failed and left in a results folder, from its records alone."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from rich.console import Console

from l2xbench.commands.screen_tables import show_table
from l2xbench.config import StudyConfig
from l2xbench.store.store import Store
from l2xbench.system.locks import holder_of

MOST_ROWS = 60
"""With more rows than this the networks of a study are one."""
MOST_REASONS = 5
_ELSEWHERE = {"engine", "workers", "ray_address", "threads", "device"}
"""Keys that say how a study is run, not what it is."""


def show_status(study: StudyConfig, out: Path) -> None:
    """Shows the state of the last run in `out`, which may be going on.

    Raises:
        RequestError: what the run planned cannot be read.
    """
    console = Console()
    store = Store(out)
    plan = store.read_plan()
    at_work = holder_of(out)
    if at_work is not None:
        console.print(f"running: {at_work}", markup=False, highlight=False, soft_wrap=True)
    if plan is None:
        told = f"{out}: nothing has been planned here yet"
        console.print(told, markup=False, highlight=False, soft_wrap=True)
        return
    now = study.model_dump(mode="json")
    if any(plan.study.get(key) != value for key, value in now.items() if key not in _ELSEWHERE):
        told = "the study has changed since its last run, which this is of; --dry-run shows what it is now"
        console.print(told, highlight=False, soft_wrap=True)
    rows, reasons = [], []
    for name, recipe in plan.groups:
        names, digests = plan.images[name.dataset]
        unread = len(plan.unread.get(name.dataset, []))
        group = store.rows(name)
        there, failed = group.digests(recipe), group.failures(recipe)
        wanted = dict(zip(names, digests, strict=True))
        done = sum(there.get(image) == digest for image, digest in wanted.items())
        why = {image: reason for (image, digest), reason in failed.items() if wanted.get(image) == digest}
        reasons += [(name, image, reason) for image, reason in why.items()][:MOST_REASONS]
        left = len(names) - done - len(why)
        rows.append((name.study, name.model, done, len(why) + unread, left))
    table = pd.DataFrame(rows, columns=["study", "model", "done", "failed", "left"])
    keys = ["study", "model"]
    shown = table.groupby(keys, sort=False).sum().reset_index()
    if len(shown) > MOST_ROWS:
        shown = table.drop(columns="model").groupby("study", sort=False).sum().reset_index()
    show_table(console, shown, f"units of {out}")
    for name, image, reason in reasons[:MOST_REASONS]:
        what = " ".join(part for part in (name.study, name.label, name.model, name.dataset, image) if part)
        console.print(f"failed {what}: {reason}", markup=False, highlight=False, soft_wrap=True)
    sums = table[["done", "failed", "left"]].sum()
    console.print(
        f"{sums['done']:,} done, {sums['failed']:,} failed, {sums['left']:,} left"
        f"{'; --retry-failed tries the failed again' if sums['failed'] else ''}",
        highlight=False,
    )

"""What a run was about to do is read as it was left, and a file that is no plan is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from l2xbench.errors import RequestError
from l2xbench.store.plan_on_disk import PlanOnDisk
from l2xbench.store.store import Store
from tests.store.samples import GROUP

PLAN = PlanOnDisk([(GROUP, "r")], {"set5": (["a"], ["1"])}, {"set5": ["b"]}, {"scale": 4})


def test_it_comes_back(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert store.read_plan() is None
    store.write_plan(PLAN)
    assert store.read_plan() == PLAN and store.read_plan("ablation") is None
    store.write_plan(PLAN, "ablation")
    assert Store(tmp_path).read_plan("ablation") == PLAN


def test_as_earlier_versions_wrote_it(tmp_path: Path) -> None:
    (tmp_path / "records").mkdir()
    groups, images = '[["restoration", "set5", "edsr", "", "r"]]', '{"set5": [["a"], ["1"]]}'
    for more in ("", '"unread": {"set5": ["b"]}, "study": {"scale": 4}, '):
        (tmp_path / "records/plan.json").write_text(f'{{{more}"images": {images}, "groups": {groups}}}')
        plan = Store(tmp_path).read_plan()
        assert plan is not None and (plan.groups, plan.images) == (PLAN.groups, PLAN.images)
        assert plan.unread == ({"set5": ["b"]} if more else {})


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"groups": [["a"]], "images": {}}', '{"groups": 1, "images": {}}'])
def test_what_is_no_plan_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "records").mkdir()
    (tmp_path / "records/plan.json").write_text(text)
    with pytest.raises(RequestError, match="plan.json: cannot be read"):
        Store(tmp_path).read_plan()


def test_without_a_run_there_are_no_records(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="nothing has been run here"):
        Store(tmp_path).records()

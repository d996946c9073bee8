"""Records are read one by one or as columns, from disk or from a list, and are the same."""

from __future__ import annotations

from pathlib import Path

from l2xbench.store.plan_on_disk import PlanOnDisk
from l2xbench.store.records import Record, record_groups, records_of_studies
from l2xbench.store.store import Store
from tests.store.samples import GROUP, write_units


def test_columns_are_those_of_the_records_in_the_images_order(tmp_path: Path) -> None:
    store = Store(tmp_path)
    write_units(store, "ccc", "a", "bb")
    images = ["a", "bb", "ccc", "d"]
    store.write_plan(PlanOnDisk([(GROUP, "r")], {"set5": (images, images)}))
    records = Store(tmp_path).records()
    (group,) = records.groups()
    assert (group.images, group.column("psnr")) == (["a", "bb", "ccc"], [1.0, 2.0, 3.0])
    assert group.column("ssim") == [None] * 3
    assert [record.image for record in records] == ["a", "bb", "ccc"]
    (same,) = record_groups(list(records), "restoration")
    assert (same.images, same.column("psnr")) == (group.images, group.column("psnr"))
    assert list(records.of_studies("attribution")) == []
    assert [record.image for record in records.of_images("set5", {"ccc", "a"})] == ["a", "ccc"]


def test_numbers_are_numbers() -> None:
    values = {"psnr": 30, "ssim": 0.5, "inference": "plain", "exact": True, "none": None}
    record = Record("key", "restoration", "set5", "edsr", "baby", "", values)
    assert [record.number(name) for name in (*values, "else")] == [30.0, 0.5, None, None, None, None]
    (group,) = record_groups([record], "restoration")
    assert group.numbers("psnr") == [30.0] and group.numbers("inference") == group.numbers("else") == [None]


def test_a_list_is_grouped_in_the_order_of_its_records() -> None:
    def record(model: str, image: str) -> Record:
        return Record("key", "restoration", "set5", model, image, "", {"psnr": 30.0})

    mixed = [record("b", "x"), record("a", "x"), record("b", "y")]
    assert [(group.model, group.images) for group in record_groups(mixed, "restoration")] == [
        ("b", ["x", "y"]),
        ("a", ["x"]),
    ]
    assert records_of_studies(mixed, "ablation") == []

"""A study's YAML: what is read, and the one line that each mistake gives."""

from __future__ import annotations

from pathlib import Path

import pytest

from l2xbench.config import StudyConfig, parse_assignment
from l2xbench.errors import RequestError
from l2xbench.studies import ablation
from l2xbench.studies.ablation.options import AblationOptions
from l2xbench.studies.attribution.options import AttributionOptions
from l2xbench.studies.owed import owed_units
from l2xbench.studies.reading import read_study

GOOD = """
study: small
models:
  edsr: edsr-compact
  mine: {provider: basicsr, arch: {type: EDSR, num_in_ch: 3, num_out_ch: 3}, weights: random}
datasets:
  set5: ../Set5
"""


def write(folder: Path, text: str) -> str:
    path = folder / "study.yaml"
    path.write_text(text)
    return str(path)


def test_short_forms_and_defaults(tmp_path: Path) -> None:
    study = read_study(write(tmp_path, GOOD))
    assert study.models["edsr"].card == "edsr-compact"
    assert study.models["mine"].inline is not None
    assert study.models["mine"].weights == "random"
    assert study.scale == 4
    assert study.block(AttributionOptions).methods == ["l2x"]
    assert study.datasets["set5"].path == str((tmp_path / "../Set5").resolve()), "paths start at the study's folder"


def test_flags_override_the_file(tmp_path: Path) -> None:
    study = read_study(write(tmp_path, GOOD), {"attribution.reference": "mean", "seed": 3}, models=["mine"])
    assert (study.block(AttributionOptions).reference, study.seed, list(study.models)) == ("mean", 3, ["mine"])


def labels(study: StudyConfig, of: str, only: str | None = None) -> list[str]:
    return [unit.label for unit in owed_units(study, only) if unit.study == of]


def test_an_ablation_alone_makes_no_map_that_it_does_not_follow(tmp_path: Path) -> None:
    text = GOOD + "attribution: {methods: [l2x, lam, occlusion]}\nsensitivity: {methods: [gradient]}\n"
    read = read_study(write(tmp_path, text), {"ablation.methods": ["lam"]})
    study = ablation.STUDY.alone(read)
    assert study == read, "it has the block already"
    assert labels(study, "attribution", "ablation") == ["lam", "difference"]
    assert [name.split("-")[0] for name in labels(study, "ablation", "ablation")] == ["lam", "difference", "random"]
    assert {unit.study for unit in owed_units(study, "ablation")} == {
        "inputs",
        "restoration",
        "attribution",
        "ablation",
    }
    assert labels(study, "attribution") == ["l2x", "lam", "occlusion", "difference", "gradient"]
    whole = ablation.STUDY.alone(read_study(write(tmp_path, text)))
    assert labels(whole, "attribution", "ablation") == ["l2x", "lam", "occlusion", "difference"]
    assert whole.block(AblationOptions).methods == []


def test_models_keep_the_order_asked_for(tmp_path: Path) -> None:
    assert list(read_study(write(tmp_path, GOOD), models=["mine", "edsr"]).models) == ["mine", "edsr"]


MISTAKES = {
    "typo in a key": ("modles: {}\n" + GOOD, ["modles", "unknown key", "did you mean 'models'"]),
    "typo in a nested key": (GOOD + "attribution: {referense: blur}\n", ["attribution.referense", "'reference'"]),
    "wrong type": (GOOD + "scale: four\n", ["scale", "'four'", "integer"]),
    "wrong choice": (GOOD + "restoration: {colour: yy}\n", ["restoration.colour", "'yy'", "y, rgb"]),
    "out of range": (GOOD + "scale: 0\n", ["scale", "0", "greater than or equal to 1"]),
    "missing block": ("study: x\nmodels: {a: edsr}\n", ["datasets", "required"]),
    "no networks": ("study: x\nmodels: {}\ndatasets: {a: b}\n", ["models"]),
    "a model without a card": (GOOD.replace("edsr-compact", "{weights: x.pth}"), ["models.edsr", "card"]),
    "a path as a name": (GOOD.replace("study: small", "study: ../up"), ["study", "letters"]),
    "a key twice": (GOOD + "study: again\n", ["stands twice", "study"]),
    "not a mapping": ("- a\n- b\n", ["mapping", "list"]),
    "not YAML": ("study: [\n", ["not valid YAML", "line"]),
    "an object": ("study: !!python/object/apply:os.system ['true']\n", ["not valid YAML", "python/object"]),
    "empty": ("", ["empty"]),
    "bicubic taken": (GOOD.replace("edsr:", "bicubic:"), ["bicubic", "already"]),
    "no images": (GOOD.replace("set5: ../Set5", "set5: {path: x, images: []}"), ["datasets.set5.images"]),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_told_in_one_line(tmp_path: Path, name: str) -> None:
    text, expected = MISTAKES[name]
    path = write(tmp_path, text)
    with pytest.raises(RequestError) as raised:
        read_study(path)
    message = str(raised.value)
    assert message.startswith(path)
    assert "\n" not in message
    for part in expected:
        assert part in message


def test_files_that_are_not_there_or_not_text(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="no such study file"):
        read_study(str(tmp_path / "absent.yaml"))
    with pytest.raises(RequestError, match="no such study file"):
        read_study(str(tmp_path))
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(RequestError, match="not a text file"):
        read_study(str(binary))


def test_unknown_model_asked_for(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="--models: 'edsrr' is not in .*did you mean 'edsr'"):
        read_study(write(tmp_path, GOOD), models=["edsrr"])


def test_an_override_may_be_wrong_too(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    with pytest.raises(RequestError, match="attribution.referenc: unknown key; did you mean 'reference'"):
        read_study(path, {"attribution.referenc": "mean"})
    with pytest.raises(RequestError, match="not a block"):
        read_study(path, {"study.name": "x"})


@pytest.mark.parametrize("text", ["novalue", "=3", "a=[", "a"])
def test_assignments_that_are_none(text: str) -> None:
    with pytest.raises(RequestError, match="--set"):
        parse_assignment(text)


def test_assignment_values_are_yaml() -> None:
    assert parse_assignment("attribution.methods=[l2x, lam]") == ("attribution.methods", ["l2x", "lam"])
    assert parse_assignment("seed=3") == ("seed", 3)

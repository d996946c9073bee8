"""The choices of a tab: window, patch, question, and the panel of what was found."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from l2xbench.errors import RequestError
from l2xbench.explore import pictures
from l2xbench.explore.session import Session
from l2xbench.explore.workbench import Answer, Restored


@pytest.fixture
def session(tmp_path: Path) -> Session:
    path = tmp_path / "lr.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 100, 3), np.uint8)).save(path)
    opened = Session(4, ["a", "b"], side=32)
    (picture,) = pictures.collect([str(path)], 4, "lr")
    opened.open(picture, pictures.load(picture, 4))
    return opened


def test_an_image_opens_at_its_middle(session: Session) -> None:
    assert session.window == (4, 34, 32, 32)
    assert session.window_middle == (20, 50)
    assert session.sr_shape == (128, 128)
    assert session.box == (56, 56, 16, 16)
    assert session.question == ("patch:56,56,16,16", "blur", "l2x", ())


def test_the_patch_stays_within_the_window(session: Session) -> None:
    session.spot = (0, 127)
    assert session.box == (0, 112, 16, 16)
    session.patch = 1
    assert session.box == (0, 127, 1, 1)
    session.patch = 500
    assert session.box == (0, 0, 128, 128)


def test_all_of_the_window_is_a_target_that_keeps_the_spot(session: Session) -> None:
    session.whole_window = True
    assert session.question.target == "image"
    assert session.frame is None
    session.whole_window = False
    assert session.question.target == "patch:56,56,16,16"
    assert session.frame == session.box


def test_another_window_forgets_answers_and_spot(session: Session) -> None:
    session.answers["a"] = answer(session)
    session.spot = (1, 1)
    session.look(64, (0, 0))
    assert session.window == (0, 0, 40, 64)
    assert session.spot == (80, 128)
    assert session.answers == {}
    assert session.pair is not None and session.pair.lr.shape == (40, 64, 3)


def test_the_question_has_variance_and_options(session: Session) -> None:
    session.variance, session.method, session.options = 2.5, "lam", {"steps": 20}
    assert session.question[1:] == ("blur:alpha=2.5", "lam", (("steps", 20),))
    session.reference = "mean"
    assert session.question.reference == "mean"


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("method", "l3x", "did you mean 'l2x'"),
        ("variance", -1.0, "alpha is '-1'"),
        ("options", {"steps": 20}, "method 'l2x': option"),
    ],
)
def test_a_wrong_choice_is_told(session: Session, field: str, value: object, expected: str) -> None:
    setattr(session, field, value)
    with pytest.raises(RequestError, match=expected):
        _ = session.question


def answer(session: Session) -> Answer:
    assert session.pair is not None
    values = np.zeros((3, *session.pair.lr.shape[:2]), np.float32)
    values[:, 14:18, 14:18] = 0.5
    arrays = {"values": values, "reference": values, "delta": np.float32(24)}
    return Answer(session.question, arrays, completeness_error=0.0, positive=1.0, diffusion=1.0, seconds=0.1)


def test_the_panel_shows_the_networks_that_have_answered(session: Session) -> None:
    sr = {name: Restored(np.zeros((128, 128, 3), np.uint8)) for name in ("a", "b")}
    assert session.panel(sr) is None
    session.answers["b"] = answer(session)
    panel = session.panel(sr)
    assert panel is not None
    assert [network.name for network in panel.networks] == ["b"]
    assert panel.target == "patch:56,56,16,16"
    assert panel.hr is None
    session.answers["a"] = answer(session)
    panel = session.panel(sr)
    assert panel is not None and [network.name for network in panel.networks] == ["a", "b"], "the order of the choices"


def test_the_panel_of_all_of_the_window_enlarges_no_part(session: Session) -> None:
    sr = {name: Restored(np.zeros((128, 128, 3), np.uint8)) for name in ("a", "b")}
    session.whole_window = True
    session.answers["a"] = answer(session)
    panel = session.panel(sr)
    assert panel is not None and panel.target == "image" and panel.zoom is None

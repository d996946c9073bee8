"""Labels of points: near, apart, inside."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from l2xbench.draw.labels import Line, Place, Room, place_labels

ROOM = Room(0, 0, 200, 130)
SIZE = (8.0, 5.0)


def apart(first: Place, second: Place) -> bool:
    return abs(first.x - second.x) >= SIZE[0] or abs(first.y - second.y) >= SIZE[1]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("spread", [5.0, 15.0, 60.0])
def test_labels_touch_neither_each_other_nor_a_point_and_stay_inside(seed: int, spread: float) -> None:
    random = np.random.default_rng(seed)
    points = [(float(x), float(y)) for x, y in random.normal((100, 60), (spread, spread / 3), (14, 2)).clip(4, 126)]
    others = [(float(x), float(y)) for x, y in random.normal((60, 60), (spread, spread / 3), (6, 2)).clip(4, 126)]
    places = place_labels(points, [SIZE] * 14, ROOM, marker=2.4, others=others)
    assert all(apart(a, b) for a, b in itertools.combinations(places, 2))
    for place in places:
        assert SIZE[0] / 2 <= place.x <= 200 - SIZE[0] / 2 and SIZE[1] / 2 <= place.y <= 130 - SIZE[1] / 2
        for x, y in (*points, *others):
            assert abs(place.x - x) >= SIZE[0] / 2 + 2 or abs(place.y - y) >= SIZE[1] / 2 + 2


def test_a_point_alone_has_its_label_to_the_right_without_a_leader() -> None:
    (place,) = place_labels([(50, 50)], [SIZE], ROOM, marker=2)
    assert place.y == 50 and 56 <= place.x < 58 and place.leader is None
    (place,) = place_labels([(50, 50)], [SIZE], ROOM, marker=2, lines=[Line(57, 0, 100)])
    assert abs(place.x - 57) > SIZE[0] / 2, "not upon a line where there is room beside it"
    (place,) = place_labels([(199, 50)], [SIZE], ROOM, marker=2)
    assert place.x < 199


def test_a_leader_joins_what_stands_apart() -> None:
    places = place_labels([(100.0, 60.0)] * 20, [SIZE] * 20, ROOM, marker=2)
    led = [place for place in places if place.leader]
    assert led and all(apart(a, b) for a, b in itertools.combinations(places, 2))
    for place in led:
        assert place.leader is not None
        to_end, whole = math.dist((100, 60), place.leader), math.dist((100, 60), place[:2])
        assert 0 < to_end < whole - 2, "it ends at the label's edge"


def test_with_no_room_there_is_a_place_all_the_same() -> None:
    assert place_labels([(1, 1)], [SIZE], Room(0, 0, 2, 2), marker=2) == [Place(1, 1, None)]
    assert place_labels([], [], ROOM, marker=2) == []

"""Where the labels of points go so that each can be read: none upon another or upon a point.

A dozen networks may cost and gain nearly the same; labels at one fixed place beside their points would then cover each
other. adjustText pushes labels apart until time is up and may leave some touching; here each is put where it is free.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

_ANGLES = 16
_RINGS = 14
_ROUNDS = 4
"""Times that every label may move again, once the others stand."""
_UPON_LINE, _CROSSED, _AMBIGUOUS, _NOT_RIGHT = 0.35, 8.0, 2.0, 0.15
"""What these cost, in label heights of distance: a label upon an upright line, two leaders that cross or a leader over
a point or label, a label that is nearer to another point, one that is not to the right of its point."""

Point = tuple[float, float]


class Line(NamedTuple):
    """An upright line, such as an interval."""

    x: float
    low: float
    high: float


class Room(NamedTuple):
    """The part of the plane where labels may be; `low` < `high` along both axes."""

    left: float
    low: float
    right: float
    high: float


class Place(NamedTuple):
    """A label's middle, and where a leader from its point ends, at the label's edge; None where it needs none."""

    x: float
    y: float
    leader: Point | None


def place_labels(
    points: Sequence[Point],
    sizes: Sequence[tuple[float, float]],
    room: Room,
    *,
    marker: float,
    others: Sequence[Point] = (),
    lines: Sequence[Line] = (),
) -> list[Place]:
    """Puts each label as near to its point as there is room.

    Args:
        points: x, y of the labelled ones, in any unit of length that is the same along both axes, either way up.
        sizes: width and height of each label.
        room: what labels must not leave.
        marker: radius of a point.
        others: points without a label, which labels keep clear of too.
        lines: labels avoid them, but may lie upon them.

    Returns:
        a place for each point. With no room at all a label stands where it covers least.
    """
    boxes = [(width + marker * 0.4, height + marker * 0.4) for width, height in sizes]
    obstacles = [*points, *others]
    choices = [_candidates(point, box, room, marker) for point, box in zip(points, boxes, strict=True)]
    fixed = [
        [_fixed_cost(place, point, box, obstacles, lines, marker) for place in found]
        for point, box, found in zip(points, boxes, choices, strict=True)
    ]
    placed: dict[int, Place] = {}
    # those with the least room around them choose first
    order = sorted(range(len(points)), key=lambda i: (-min(fixed[i]), points[i]))
    for _ in range(_ROUNDS):
        before = dict(placed)
        for i in order:
            standing = [(points[j], place, boxes[j]) for j, place in placed.items() if j != i]
            costs = [
                cost + _shared_cost(place, points[i], boxes[i], standing)
                for place, cost in zip(choices[i], fixed[i], strict=True)
            ]
            placed[i] = choices[i][costs.index(min(costs))]
        if placed == before:
            break
    return [placed[i] for i in range(len(points))]


_COVERED = 1000.0
"""What it costs to lie upon a point or label, or outside: more than any distance."""


def _candidates(point: Point, box: tuple[float, float], room: Room, marker: float) -> list[Place]:
    """Places on ever larger ovals about the point, that of the right above first."""
    width, height = box
    found = []
    for ring in range(_RINGS):
        far = marker + ring * height * 0.6
        for step in range(_ANGLES):
            angle = 2 * math.pi * step / _ANGLES
            x = point[0] + (width / 2 + far) * math.cos(angle)
            y = point[1] + (height / 2 + far) * math.sin(angle)
            inside = (
                room.left + width / 2 <= x <= room.right - width / 2
                and room.low + height / 2 <= y <= room.high - height / 2
            )
            if inside:
                found.append(Place(x, y, _edge((x, y), point, box) if ring else None))
    return found or [Place(*point, None)]


def _beside(place: Place, point: Point, box: tuple[float, float]) -> float:
    """How far a label's edge is from a point."""
    across, up = (max(abs(a - b) - size / 2, 0.0) for a, b, size in zip(place[:2], point, box, strict=True))
    return math.hypot(across, up)


def _edge(middle: Point, point: Point, box: tuple[float, float]) -> Point:
    """Where the line from a label's middle to its point leaves the label."""
    across, up = point[0] - middle[0], point[1] - middle[1]
    share = min(size / 2 / max(abs(length), 1e-9) for size, length in zip(box, (across, up), strict=True))
    return (middle[0] + share * across, middle[1] + share * up)


def _fixed_cost(
    place: Place,
    point: Point,
    box: tuple[float, float],
    obstacles: Sequence[Point],
    lines: Sequence[Line],
    marker: float,
) -> float:
    width, height = box
    away = _beside(place, point, box)
    cost = away / height + _NOT_RIGHT * (place.x < point[0])
    for x, y in obstacles:
        if max(abs(place.x - x) - width / 2, abs(place.y - y) - height / 2) < marker - 1e-6:
            cost += _COVERED
        elif (x, y) != point:
            if place.leader and _distance((x, y), point, place[:2]) < marker:
                cost += _CROSSED
            if _beside(place, (x, y), box) < 1.3 * away:
                cost += _AMBIGUOUS
    for line in lines:
        upon = abs(place.x - line.x) < width / 2
        cost += _UPON_LINE * (upon and line.low < place.y + height / 2 and line.high > place.y - height / 2)
    return cost


def _shared_cost(
    place: Place, point: Point, box: tuple[float, float], standing: Sequence[tuple[Point, Place, tuple[float, float]]]
) -> float:
    width, height = box
    cost = 0.0
    for start, other, (wide, tall) in standing:
        if abs(place.x - other.x) < (width + wide) / 2 and abs(place.y - other.y) < (height + tall) / 2:
            cost += _COVERED
        if other.leader and _distance(place[:2], start, other[:2]) < height / 2:
            cost += _CROSSED
        if place.leader and _distance(other[:2], point, place[:2]) < tall / 2:
            cost += _CROSSED
        if place.leader and other.leader and _cross(point, place[:2], start, other[:2]):
            cost += _CROSSED
    return cost


def _distance(point: Point, start: Point, end: Point) -> float:
    """The distance of a point from the line between two others."""
    along = (end[0] - start[0], end[1] - start[1])
    length = along[0] ** 2 + along[1] ** 2
    share = ((point[0] - start[0]) * along[0] + (point[1] - start[1]) * along[1]) / length if length else 0.0
    share = min(max(share, 0.0), 1.0)
    return math.hypot(point[0] - start[0] - share * along[0], point[1] - start[1] - share * along[1])


def _cross(a: Point, b: Point, c: Point, d: Point) -> bool:
    """Whether the line from a to b and that from c to d cross."""

    def side(p: Point, q: Point, r: Point) -> float:
        return (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0])

    return side(a, b, c) * side(a, b, d) < 0 and side(c, d, a) * side(c, d, b) < 0

"""Mask ratios as users write them: `0.05:0.4`, `0.1:0.4:0.1`, `0.05,0.1,0.4`."""

from __future__ import annotations

import math

STEP = 0.05
MOST = 1000
"""Ratios at most: each is a pass of the network on every image."""


def parse_ratios(text: str) -> list[float]:
    """The ratios that a text means.

    Args:
        text: `a:b` (from a to b by 0.05), `a:b:step`, or a list `a,b,c`; each above 0 and below 1.

    Raises:
        ValueError: it is none of these.

    Examples:
        >>> parse_ratios("0.05:0.2"), parse_ratios("0.1:0.4:0.1"), parse_ratios("0.05,0.4")
        ([0.05, 0.1, 0.15, 0.2], [0.1, 0.2, 0.3, 0.4], [0.05, 0.4])
    """
    form = "ratios are a:b, a:b:step or a,b,c, each above 0 and below 1, for example 0.05:0.4"
    try:
        numbers = [float(part) for part in text.split(":" if ":" in text else ",")]
    except ValueError:
        raise ValueError(f"found '{text}'; {form}") from None
    if not all(0 < number < 1 for number in numbers):
        raise ValueError(f"found '{text}'; {form}")
    if ":" not in text:
        return numbers
    if len(numbers) > 3 or numbers[0] > numbers[1]:
        raise ValueError(f"found '{text}'; {form}")
    start, end, step = (*numbers, STEP)[:3]
    # the last step may overshoot by a rounding error and still be meant
    count = math.floor((end - start) / step + 1e-6) + 1
    if count > MOST:
        raise ValueError(f"found '{text}', which is {count:,} ratios; at most {MOST} are measured; take larger steps")
    return [round(start + number * step, 10) for number in range(count)]

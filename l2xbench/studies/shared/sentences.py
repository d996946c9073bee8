"""Phrases that the findings of several studies share."""

from __future__ import annotations

from collections.abc import Sequence

_NAMED = 3
"""Where there are more names than one above this, the first are named and the rest counted."""


def on_images(dataset: str, images: int) -> str:
    """How a sentence begins that is of images.

    Examples:
        >>> on_images("Urban100", 20), on_images("mine", 1)
        ('On 20 images of Urban100', 'On 1 image of mine')
    """
    return f"On {images} image{'' if images == 1 else 's'} of {dataset}"


def patches_of_images(patches: int, images: int) -> str:
    """What a title says of how much is shown.

    Examples:
        >>> patches_of_images(32, 16), patches_of_images(1, 1)
        ('32 patches of 16 images', '1 patch of 1 image')
    """
    return f"{patches} patch{'' if patches == 1 else 'es'} of {images} image{'' if images == 1 else 's'}"


def amount(value: float, digits: int, unit: str = "") -> str:
    """A number with its unit.

    Examples:
        >>> amount(-0.346, 2, "dB")
        '−0.35 dB'
    """
    return f"{_as_text(value, digits)}{f' {unit}' if unit else ''}"


def with_interval(value: float, low: float, high: float, digits: int, unit: str = "") -> str:
    """A number and the interval that it lies in.

    Examples:
        >>> with_interval(0.346, 0.2, 0.51, 2, "dB")
        '0.35 dB (0.20 to 0.51)'
    """
    return f"{amount(value, digits, unit)} ({_as_text(low, digits)} to {_as_text(high, digits)})"


def listed(names: Sequence[str], *, most: int = _NAMED) -> str:
    """Names as a sentence has them.

    Examples:
        >>> listed(["edsr"]), listed(["edsr", "rcan", "han"]), listed(["a", "b", "c", "d", "e"])
        ('edsr', 'edsr, rcan and han', 'a, b, c and 2 more')
    """
    if len(names) > most + 1:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _as_text(value: float, digits: int) -> str:
    text = f"{value:.{digits}f}".replace("-", "−")
    return text.lstrip("−") if float(f"{value:.{digits}f}") == 0 else text

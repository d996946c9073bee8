"""What networks are compared by: how far each method's maps reach on each image."""

from __future__ import annotations

from l2xbench.store.results import Results
from l2xbench.studies.reach.means import by_method
from l2xbench.studies.shared.measures import measure
from l2xbench.studies.study import ImageMeasure
from l2xbench.words import words


def measures(results: Results) -> list[ImageMeasure]:
    """The share of |R| beyond 8 LR pixels, and the radius that holds 90 %, of each method."""
    found, lr = [], words(results.config.scale).lr
    for (dataset, method), networks in by_method(results).items():
        for name, title, factor, unit, digits in (
            ("beyond_8", f"share of |R| beyond 8 {lr} pixels ({method})", 100, "%", 1),
            ("radius_90", f"radius that holds 90 % of |R| ({method})", 1, f"{lr} pixels", 1),
        ):
            values = {
                one.model: {
                    image: float(value * factor) for image, value in zip(one.images, one.by_image(name), strict=True)
                }
                for one in networks
            }
            found.append(
                measure(results, dataset, values, name=f"{name}_{method}", title=title, unit=unit, digits=digits)
            )
    return [each for each in found if each is not None]

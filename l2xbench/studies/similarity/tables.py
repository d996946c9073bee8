"""The table of CKA."""

from __future__ import annotations

from l2xbench.draw.tables import Table
from l2xbench.store.results import Results
from l2xbench.studies.similarity.options import SimilarityOptions
from l2xbench.studies.similarity.pairs import MOST_CHANCE, TOO_FEW, similarity_frame


def similarity_tables(results: Results) -> list[Table]:
    """`cka`, with what a reader must know before quoting a number of it; none without records."""
    frame, options = results.once(similarity_frame), results.config.block(SimilarityOptions)
    if frame.empty or options is None:
        return []
    size, confidence = options.size, options.confidence
    told = (
        f"{options.crops} crops of {size} x {size} LR pixels of each image, the same for every network; p from "
        f"{options.permutations} permutations; low and high: the {confidence:.0%} bootstrap interval; chance: the "
        "mean CKA of permuted samples, which networks that share nothing would have."
    )
    notes = [told]
    notes += [f"{name}: {note}." for name, note in results.manifest.notes.items()]
    if (frame["warning"] == TOO_FEW).any():
        mend = "take estimator: unbiased, more crops or more images" if options.estimator == "biased" else "take more"
        notes.append(
            f"{TOO_FEW}: unrelated networks would have more than {MOST_CHANCE} here, so the number says little; {mend}."
        )
    if (frame["warning"] == "not defined").any():
        notes.append("not defined: a network's attributions do not vary, or there are too few samples.")
    caption = f"CKA (Eq. 7) of {compared(options)} between networks."
    return [Table("cka", frame, caption, notes=notes)]


def compared(options: SimilarityOptions) -> str:
    """What is compared, and how."""
    return f"{options.signs} {options.method} attributions, {options.estimator}"

"""The table of CKA."""

from __future__ import annotations

from l2xbench.draw.tables import Table
from l2xbench.store.results import Results
from l2xbench.studies.similarity.options import CONTROL, SimilarityOptions, twin_of
from l2xbench.studies.similarity.pairs import MOST_CHANCE, TOO_FEW, similarity_frame, twinless
from l2xbench.studies.similarity.seeds import seeds_frame
from l2xbench.words import words


def similarity_tables(results: Results) -> list[Table]:
    """`cka`, with what a reader must know before quoting a number of it, and `cka_seeds`; none without records."""
    frame, options = results.once(similarity_frame), results.config.block(SimilarityOptions)
    if frame.empty or options is None:
        return []
    size, confidence, lr = options.size, options.confidence, words(results.config.scale).lr
    told = (
        f"{options.crops} crops of {size} x {size} {lr} pixels of each image, the same for every network; p from "
        f"{options.permutations} permutations; low and high: the {confidence:.0%} bootstrap interval; chance: the "
        "mean CKA of permuted samples, which networks that share nothing would have."
    )
    deconfounded = (
        "biased: CKA as the paper has it (Eq. 7), with the biased HSIC, which is above 0 for networks that share "
        "nothing where crops are few; unbiased: with the unbiased one. dcka: unbiased, once the control |x - x'| of "
        "the same crops, which knows no network, has been regressed out of both Gram matrices (Cui et al., NeurIPS "
        "2022), with its interval, p and chance. control_a and control_b: each one's unbiased CKA with that control, "
        f"which is the row '{CONTROL}'; nothing is left of it once it is regressed out of itself."
    )
    notes = [told, deconfounded]
    if options.untrained:
        notes.append(f"{twin_of('NAME')}: the architecture of NAME with its own initial weights, untrained.")
        notes += [f"{twin_of(name)}: there is none ({reason})." for name, reason in twinless(results).items()]
    missing = sorted({name for members in options.seeds.values() for name in members} - set(results.manifest.models))
    if missing:
        notes.append(f"seeds: {', '.join(missing)} {'is' if len(missing) == 1 else 'are'} not among these networks.")
    notes += [f"{name}: {note}." for name, note in results.manifest.notes.items()]
    if (frame["warning"] == TOO_FEW).any():
        mend = "take estimator: unbiased, more crops or more images" if options.estimator == "biased" else "take more"
        notes.append(
            f"{TOO_FEW}: unrelated networks would have more than {MOST_CHANCE} here, so the number says little; {mend}."
        )
    if (frame["warning"] == "not defined").any():
        notes.append("not defined: a network's attributions do not vary, or there are too few samples.")
    caption = f"CKA (Eq. 7, {options.estimator}) and dCKA of {compared(options)} between networks."
    found = [Table("cka", frame, caption, notes=notes, digits=3)]
    ceilings = results.once(seeds_frame)
    if not ceilings.empty:
        told = (
            "dcka: of the trainings of an architecture with each other, the ceiling; other_dcka: of those with each "
            "training of another. Where there are several pairs, their mean, the lowest low and the highest high. "
            "beyond: whether the other's interval lies wholly below the trainings'."
        )
        caption = "Do architectures differ by more than trainings of one?"
        found.append(Table("cka_seeds", ceilings, caption, notes=[told], digits=3))
    return found


def compared(options: SimilarityOptions) -> str:
    """What is compared."""
    aimed = "" if options.target == "image" else f" of the target {options.target}"
    return f"{options.signs} {options.method} {options.of}{aimed}"

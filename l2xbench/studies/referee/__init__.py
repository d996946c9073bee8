"""Whether a map's signs and order are those of interventions: LR pixels replaced, and a patch's PSNR watched.

`interventions` measures the effects, `agreement` compares maps with them.
"""

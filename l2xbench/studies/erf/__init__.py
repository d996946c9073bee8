"""Which LR pixels the centre of the SR image depends on: the effective receptive field.

`field` is one image's, `area` what a table says of the mean over images.
"""

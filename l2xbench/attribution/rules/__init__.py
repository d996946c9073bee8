"""How differences pass through operations: one file a family, and one table.

    call           what a rule is given and returns
    treatment      kinds of treatments; the decorators that make a rule one
    table          which treatments an operation has, for which arguments, in which order
    linear, products, piecewise, smooth, softmax, normalization, maxima, sampling, selection, comparisons, composed,
    quadrature, integral    the families
    blocks, extremum        what several families share

Rules know plain tensors of two streams, and nothing of how a network is run. To add one: a function under
`closed_form` in its family's file, and its line in `table.py`.
"""

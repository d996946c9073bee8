"""How an unmodified network is run on an input and its reference at once.

What happens to each operation is not decided here but in `rules/table.py`; here is how it is carried out. From the
ground up:

    backward    the backward pass from an output
    draws       random numbers, the same in every pass
    views       what a view is, and how to take it again and write through it
    tensor      `Paired`, the tensor that carries its reference along
    taps        tensors inside the network whose multipliers are asked for
    operations  an ATen operation: its schema, and its row of the table
    state       the network's own parameters, buffers and attributes, as they were
    trace       what one paired pass knows and has met
    failures    what an exception from within a pass tells
    storage     plain tensors into which a network wrote paired data
    tapping     hooks that find them, and where branches meet
    arguments   an argument of a call, for either stream
    discrete    truths and integers that differ between the streams
    ragged      selections that take other places in either stream
    assigned    another tensor's memory in the place of a tensor's own
    special     operations that are not run as they stand
    higher_order operations that are given functions
    streams     the table applied: both streams of an operation that writes to nothing
    inplace     operations that write to their arguments
    dispatch    one ATen operation, from beginning to end
    watch       the network's calls before PyTorch takes them apart
    paired      the pass as a whole: `paired_forward`
    recording   a computation as its ATen operations, made again without the Python that led to them

Each file imports only those above it.
"""

"""A folder for each study: its options, units, computation, and what is shown of it. `study` says what one brings.

Studies know attribution, zoo and data, and read results; they do not write records.
"""

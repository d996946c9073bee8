"""One file for each table or figure of the paper.

Studies know attribution, zoo and data, not where results are kept.
"""

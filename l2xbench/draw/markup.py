"""Text from files made safe for Markdown and LaTeX."""

from __future__ import annotations

import re

# Only what every LaTeX knows, whatever its font encoding.
_LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": "$<$",
    ">": "$>$",
    "|": "$|$",
    '"': "''",
    "×": r"$\times$",
    "–": "--",
    "−": "$-$",
    "∞": r"$\infty$",
    "†": r"\dag{}",
}


def latex(text: str) -> str:
    """`text` as LaTeX prints it, on one line."""
    return "".join(_LATEX.get(letter, letter) for letter in _one_line(text))


def markdown(text: str) -> str:
    """`text` as Markdown shows it, in a cell of a table as elsewhere, on one line.

    An underscore inside a word stays bare, as GitHub's Markdown gives it no meaning and names are full of
    them.
    """
    text = re.sub(r"([\\`*|\[\]~$])", r"\\\1", _one_line(text))
    text = re.sub(r"(?<![^\W_])_|_(?![^\W_])", r"\\_", text)
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _one_line(text: str) -> str:
    return " ".join(re.sub(r"[\x00-\x1f\x7f]", " ", text).split())

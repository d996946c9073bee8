"""Formulas of the docs as MathML, which browsers show by themselves: no script, and nothing from another machine.

mkdocs calls `on_page_content` for each page (`hooks` in mkdocs.yml); arithmatex has marked the formulas.
"""

from __future__ import annotations

import html
import re
from typing import Any

from latex2mathml.converter import convert

INLINE = re.compile(r'<span class="arithmatex">\\\((.*?)\\\)</span>', re.DOTALL)
PRIME = "<mi>&#x02032;</mi>"
BESIDE = '<mo lspace="0" rspace="0">&#x02032;</mo>'
RAISED = re.compile(rf"<msup>(<mi>\w+</mi>){PRIME}</msup>")
RAISED_BESIDE_INDEX = re.compile(
    rf"<msubsup>(<mi>\w+</mi>)(<mi>\w+</mi>|<mrow>(?:(?!</?mrow>|<msub).)*</mrow>){PRIME}</msubsup>"
)
BLOCK = re.compile(r'<pre class="arithmatex">\\\[(.*?)\\\]</pre>', re.DOTALL)


def on_page_content(content: str, **_: Any) -> str:
    """A page's HTML with its formulas as MathML."""
    content = BLOCK.sub(lambda found: mathml(html.unescape(found[1]).strip(), display="block"), content)
    return INLINE.sub(lambda found: mathml(html.unescape(found[1])), content)


def mathml(formula: str, **how: str) -> str:
    """A formula in LaTeX as MathML.

    A prime is a letter beside its own, not a power: the sign is raised as it is, and raised twice it would stand off.

    Examples:
        >>> "<msup>" in mathml("x' + x'_i"), "<msup>" in mathml("x^2")
        (False, True)
    """
    made = RAISED.sub(rf"<mrow>\1{BESIDE}</mrow>", convert(formula, **how))
    return RAISED_BESIDE_INDEX.sub(rf"<msub><mrow>\1{BESIDE}</mrow>\2</msub>", made)

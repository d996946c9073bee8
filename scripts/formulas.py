"""Formulas of the docs as MathML, which browsers show by themselves: no script, and nothing from another machine.

mkdocs calls `on_page_content` for each page (`hooks` in mkdocs.yml); arithmatex has marked the formulas.
"""

from __future__ import annotations

import html
import re
from typing import Any
from xml.etree import ElementTree

from latex2mathml.converter import convert

INLINE = re.compile(r'<span class="arithmatex">\\\((.*?)\\\)</span>', re.DOTALL)
PRIME = "\u2032"
NAMESPACE = "http://www.w3.org/1998/Math/MathML"
BLOCK = re.compile(r'<pre class="arithmatex">\\\[(.*?)\\\]</pre>', re.DOTALL)


def on_page_content(content: str, **_: Any) -> str:
    """A page's HTML with its formulas as MathML."""
    content = BLOCK.sub(lambda found: mathml(html.unescape(found[1]).strip(), display="block"), content)
    return INLINE.sub(lambda found: mathml(html.unescape(found[1])), content)


def mathml(formula: str, display: str = "inline") -> str:
    """A formula in LaTeX as MathML.

    A prime is a letter beside its own, not a power: the sign is raised as it is, and raised twice it would stand off.

    Examples:
        >>> "<msup>" in mathml("x' + x'_i"), "<msup>" in mathml("x^2")
        (False, True)
    """
    ElementTree.register_namespace("", NAMESPACE)
    made = ElementTree.fromstring(convert(formula, display=display))
    for place in [each for each in made.iter() if len(each) > 1 and each[-1].text == PRIME]:
        letter, *index, prime = place
        prime.tag = f"{{{NAMESPACE}}}mo"
        prime.attrib.update(lspace="0", rspace="0")
        primed = ElementTree.Element(f"{{{NAMESPACE}}}mrow")
        primed.extend([letter, prime])
        place[:] = [primed, *index]
        place.tag = f"{{{NAMESPACE}}}{'msub' if index else 'mrow'}"
    return ElementTree.tostring(made, encoding="unicode")

"""Formulas of the docs as MathML, which browsers show by themselves: no script, and nothing from another machine.

mkdocs calls `on_page_content` for each page (`hooks` in mkdocs.yml); arithmatex has marked the formulas.
"""

from __future__ import annotations

import html
import re
from typing import Any

from latex2mathml.converter import convert

INLINE = re.compile(r'<span class="arithmatex">\\\((.*?)\\\)</span>', re.DOTALL)
BLOCK = re.compile(r'<pre class="arithmatex">\\\[(.*?)\\\]</pre>', re.DOTALL)


def on_page_content(content: str, **_: Any) -> str:
    """A page's HTML with its formulas as MathML."""
    content = BLOCK.sub(lambda found: convert(html.unescape(found[1]).strip(), display="block"), content)
    return INLINE.sub(lambda found: convert(html.unescape(found[1])), content)

"""Formulas of the docs: primes stand at their letters."""

from __future__ import annotations

import pytest

from scripts.formulas import mathml, on_page_content


@pytest.mark.parametrize("formula", ["x'", "x'_i", "x'_{t_j}", "e^{z'}", r"\sqrt{z'}", r"\tilde m_b (b_k - b'_k)"])
def test_a_prime_is_raised_once(formula: str) -> None:
    made = mathml(formula)
    assert '<mo lspace="0" rspace="0">\u2032</mo>' in made
    assert "<mi>\u2032</mi>" not in made


def test_powers_and_indices_stay() -> None:
    made = mathml("x_i^2 + y'_i")
    assert "<msubsup><mi>x</mi><mi>i</mi><mn>2</mn></msubsup>" in made
    assert "</mrow><mi>i</mi></msub>" in made


def test_a_pages_formulas_become_mathml() -> None:
    page = on_page_content(r'<p><span class="arithmatex">\(x\)</span></p><pre class="arithmatex">\[y\]</pre>')
    assert page.count("<math") == 2 and "arithmatex" not in page

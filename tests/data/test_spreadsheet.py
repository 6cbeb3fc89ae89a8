"""Cells that a spreadsheet would run are guarded, and read back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ser_toolkit.data.spreadsheet import cell_text, safe_cell


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@a", "\tx", "\rx", "'=1"])
def test_guarded(text):
    assert safe_cell(text) == "'" + text
    assert safe_cell("a" + text) == "a" + text


@given(st.text(alphabet="'=+-@\t\rab", max_size=6))
def test_reads_back(text):
    assert cell_text(safe_cell(text)) == text

"""Names of conditions: what is written is read, and what is wrong is said."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ser_toolkit.errors import ConfigError
from ser_toolkit.noise.conditions import KINDS, STANDARD, Condition, parse_condition, parse_conditions


def test_the_standard_set_is_what_the_documentation_says():
    names = [condition.name for condition in STANDARD]
    assert names[:6] == ["white:20", "white:15", "white:10", "white:5", "white:0", "white:-5"]
    assert names[24:] == [
        "reverb:0.3", "reverb:0.6", "reverb:1", "telephone", "opus:16", "opus:8", "mp3:16", "clip:1", "clip:5",
        "clip:20",
    ]  # fmt: skip
    assert len(set(names)) == 34


def test_lists_are_read_each_once_and_in_the_order_of_tables():
    found = parse_conditions(" clip:5, white:10,telephone,white:10.0,white:-5 ")
    assert [c.name for c in found] == ["white:10", "white:-5", "telephone", "clip:5"]
    assert parse_conditions("standard") == STANDARD
    assert parse_conditions(["telephone", "standard"]).count(Condition(kind="telephone")) == 1


def test_titles_are_for_people():
    assert parse_condition("reverb:0.6").title == "reverberation, RT60 0.6 s"
    assert parse_condition("telephone").title == "telephone, 8 kHz mu-law"


@pytest.mark.parametrize("condition", STANDARD, ids=lambda c: c.name)
def test_names_are_read_back(condition):
    assert parse_condition(condition.name) == condition


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("wite:10", "Did you mean 'white'"),
        ("white", r"needs a number \(SNR in dB, -30 to 60\), and none is there; for example white:5"),
        ("white:", "needs a number"),
        ("white:loud", "not 'loud'"),
        ("white:nan", "not 'nan'"),
        ("white:1e3", "not '1e3'"),
        ("white:99", "-30 to 60, not 99"),
        ("reverb:0", "RT60 in s, 0.05 to 5, not 0"),
        ("telephone:8", "takes no number"),
        ("clip:100", "0.01 to 90"),
        ("", "none|no noise condition"),
        (" , ", "no noise condition is given"),
        ("[red]:3", r"no noise condition is called '\[red\]'"),
    ],
)
def test_what_is_wrong_is_said(text, said):
    with pytest.raises(ConfigError, match=said):
        parse_conditions(text)


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused(text):
    try:
        found = parse_conditions(text)
    except ConfigError:
        return
    assert {c.kind for c in found} <= set(KINDS)

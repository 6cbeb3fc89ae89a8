"""Components to JSON and back; classes that are no components are refused with the rule that they break."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal

import pytest
from annotated_types import Ge

from ser_toolkit.components import check_class, create, to_config
from ser_toolkit.errors import ComponentError, ConfigError


@dataclass(frozen=True, kw_only=True)
class Example:
    name: ClassVar[str] = "example"
    version: ClassVar[int] = 3
    n_bands: Annotated[int, Ge(1)] = 4
    mode: Literal["a", "b"] = "a"
    widths: tuple[int, ...] = (1, 2)
    gain: float | Literal["max"] = "max"


@pytest.mark.parametrize("config", [{}, {"n_bands": 9, "mode": "b", "widths": [5], "gain": 0.1}])
def test_round_trip_is_exact(config):
    made = create(Example, config)
    assert create(Example, to_config(made)) == made
    assert to_config(create(Example, to_config(made))) == to_config(made)
    assert set(to_config(made)) == {"n_bands", "mode", "widths", "gain"}


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"n_band": 3}, "Did you mean 'n_bands'"),
        ({"n_bands": 0}, "n_bands: Input should be greater than or equal to 1 (got 0)"),
        ({"mode": "c"}, "'a' or 'b'"),
        ({"widths": "many"}, "widths"),
    ],
)
def test_bad_settings_are_named(config, said):
    with pytest.raises(ConfigError, match="example") as caught:
        create(Example, config)
    assert said in str(caught.value)


def test_a_component_made_by_hand_with_a_bad_value_is_not_stored():
    with pytest.raises(ConfigError, match="n_bands"):
        to_config(Example(n_bands=-1))


def _class(name="x", version=1, frozen=True, kw_only=True, **fields):
    body = {"__annotations__": {k: type(v) for k, v in fields.items()}, **fields, "name": name, "version": version}
    return dataclass(frozen=frozen, kw_only=kw_only)(type("Made", (), body))


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (Example(), "hooks return classes"),
        (int, "not a frozen dataclass"),
        (_class(frozen=False), "not a frozen dataclass"),
        (_class(name="Upper Case"), "lower-case"),
        (_class(version=0), "from 1 on"),
        (_class(version=True), "from 1 on"),
        (_class(scope="segment"), "reserved"),
        (_class(kw_only=False, size=1), "positional"),
    ],
)
def test_classes_that_are_no_components(made, said):
    with pytest.raises(ComponentError, match=said):
        check_class(made)


def test_fields_that_can_be_changed_are_refused():
    @dataclass(frozen=True, kw_only=True)
    class Listed:
        name: ClassVar[str] = "listed"
        version: ClassVar[int] = 1
        sizes: list[int] = field(default_factory=list)

    with pytest.raises(ComponentError, match="use tuples"):
        create(Listed, {})


def test_every_field_needs_a_default():
    @dataclass(frozen=True, kw_only=True)
    class Bare:
        name: ClassVar[str] = "bare"
        version: ClassVar[int] = 1
        size: int

    with pytest.raises(ComponentError, match="size has no default"):
        check_class(Bare)

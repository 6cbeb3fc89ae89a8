"""The noise-robust recipe of the documentation is one that training takes, and it alters what it says."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import numpy as np

from ser_toolkit.data.augment import augmentation_of
from ser_toolkit.noise.conditions import KINDS, parse_conditions
from ser_toolkit.training.config import check_config

PAGE = (Path(__file__).parents[2] / "docs/noise.md").read_text(encoding="utf-8")


def test_the_recipe_is_taken_and_adds_noise(vowel):
    (block,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    config = check_config(tomllib.loads(block))
    augmentation = augmentation_of(config.augment, seed=0)
    assert augmentation.copies == 3
    altered = [augmentation(vowel, 16_000, recording=1, copy=copy) for copy in (1, 2, 3)]
    assert len({a.tobytes() for a in altered} | {vowel.tobytes()}) == 4
    assert all(len(a) == len(vowel) and np.isfinite(a).all() for a in altered)


def test_the_table_names_every_condition_and_its_standard_values():
    for name, kind in KINDS.items():
        assert f"| `{name}" in PAGE
        assert kind.title.split(",")[0].split()[0].lower() in PAGE.lower()
    for line in re.findall(r"--noise ([a-z][^ \n]*:[^ \n]*)", PAGE):
        assert parse_conditions(line)

"""Settings that change nothing are named before anything is computed."""

from __future__ import annotations

import dataclasses

from tiny_training import configure, plan_of

from ser_toolkit.testing.fakes import FakeImage
from ser_toolkit.training.announcement import unused_settings
from ser_toolkit_baselines.classical import Svm

MOVED = {"stretch": 0.1, "shift_bands": 1, "shift_frames": 1}
LOUDER = {"level": 1, "tilt": 1, "noise": 0.5}


def said(config, *, inputs=("image", "vector"), model=None):
    return unused_settings(plan_of(config, inputs=inputs, model=model), config)


def test_what_is_used_is_not_named():
    config = configure(
        augment={**MOVED, **LOUDER, "mixup": 0.2},
        training={"average": "ema", "clip_norm": 1},
        distill={"teachers": ["x"]},
    )
    assert said(config) == []


def test_without_a_spectrogram_moving_it_changes_nothing():
    config = configure(augment={**MOVED, **LOUDER, "mixup": 0.2})
    assert said(config, inputs=("vector",)) == [
        *(f"augment.{name} changes nothing: no input is a spectrogram" for name in MOVED),
        *(f"augment.{name} changes nothing: no input is a spectrogram in decibels" for name in LOUDER),
    ]


def test_a_spectrogram_of_another_unit_has_no_decibels():
    class Loudness(FakeImage):
        def spec(self, n_samples, sr):
            return dataclasses.replace(super().spec(n_samples, sr), unit="sone")

    config = configure(augment={**MOVED, "level": 3})
    plan = plan_of(config, inputs=("image",))
    features = dataclasses.replace(plan.features, extractors={"image": Loudness()})
    assert unused_settings(dataclasses.replace(plan, features=features), config) == [
        "augment.level changes nothing: no input is a spectrogram in decibels"
    ]


def test_classical_models_take_none_of_it():
    config = configure(
        augment={"stretch": 0.1, "mixup": 0.1},
        training={"average": "last", "clip_norm": 1, "sampling": "corpus-balanced", "schedule": "one-cycle"},
        distill={"teachers": ["x"]},
    )
    assert said(config, inputs=("vector",), model=Svm()) == [
        "training.sampling, training.schedule, training.average, training.clip_norm, augment.stretch, augment.mixup, "
        "distill: do not apply to svm, for networks only"
    ]

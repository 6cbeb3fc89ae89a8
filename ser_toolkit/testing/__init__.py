"""Contracts that plugins are held to, synthetic sounds, and fakes; needs no test runner."""

from __future__ import annotations

from ser_toolkit.testing.checks import CheckResult
from ser_toolkit.testing.corpora import assert_corpus, check_corpus
from ser_toolkit.testing.extractors import assert_extractor, check_extractor
from ser_toolkit.testing.losses import assert_loss, check_loss
from ser_toolkit.testing.models import assert_model, check_model
from ser_toolkit.testing.preprocessors import assert_preprocessor, check_preprocessor

__all__ = [
    "CheckResult",
    "assert_corpus",
    "assert_extractor",
    "assert_loss",
    "assert_model",
    "assert_preprocessor",
    "check_corpus",
    "check_extractor",
    "check_loss",
    "check_model",
    "check_preprocessor",
]

"""The example plugin's own tests run where it is installed; `tests/docs/test_write_a_plugin.py` runs them here."""

from __future__ import annotations

import importlib.util

collect_ignore = [] if importlib.util.find_spec("ser_toolkit_rhythm") else ["ser-toolkit-rhythm"]

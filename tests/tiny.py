"""The default features and network, made small: the same code in seconds."""

from __future__ import annotations

from typing import Any

TINY: dict[str, Any] = {
    "features": {"mel": {"name": "melspec", "n_mels": 32, "hop_length": 512}, "gemaps": {"name": "egemaps"}},
    "model": {"name": "cnn-dnn", "filters": [4, 4, 8, 8, 16], "mfep_dense": [16, 16], "gfep_dense": [16], "erp": [16]},
    "segments": {"window_s": 1.5, "hop_s": 0.75},
    "training": {"epochs": 2, "batch_size": 8, "lr": 0.003, "workers": 1},
}

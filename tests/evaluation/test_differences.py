"""What separates a reproduction from the paper is said, and nothing else."""

from __future__ import annotations

from ser_toolkit.evaluation.differences import differences
from ser_toolkit.evaluation.reproduce import default_config
from ser_toolkit.plugin_registry import default_registry

PAPER = {"anger": 289, "happiness": 284, "neutral": 1099, "sadness": 608}


def said(changes, counts=PAPER, *, iemocap=True, classical=False):
    config = default_config(iemocap, {"emotions": list(counts), **changes})
    return differences(config=config, counts=counts, iemocap=iemocap, classical=classical, registry=default_registry())


def test_differences_name_what_is_otherwise():
    plain = {"augment": {"vector_noise": 0, "input_dropout": 0}, "training": {"epochs": 100, "select": "ua"}}
    same = said(plain)
    assert len(same) == 2
    assert any("choose the epoch" in text for text in same)
    assert not any("emodb" in text for text in same)
    other = " ".join(said({"split": {"protocol": "ravdess-5"}}, {"anger": 3, "sadness": 4}, iemocap=False))
    for words in ("ravdess-5", "7 utterances (anger 3, sadness 4)", "preset robust", "The classes are anger, sadness"):
        assert words in other


def test_differences_say_what_was_added_to_training_and_chosen_on_emodb():
    text = " ".join(said({"training": {"mixed_precision": "bf16"}}, classical=True))
    for words in (
        "noise of 0.7",
        "hidden in 25%",
        "one input cannot have",
        "(bf16)",
        "optimistic",
        "Classical learners",
    ):
        assert words in text
    masks = {"freq_masks": 1, "waveform": [{"name": "Gain"}], "vector_noise": 0.1, "input_dropout": 0}
    text = " ".join(said({"augment": masks, "training": {"epochs": 9, "warmup_epochs": 1, "weight_decay": 0.1}}))
    for words in ("1 frequency and 0 time masks", "2 altered copies", "(Gain)", "warm-up", "weight decay 0.1"):
        assert words in text
    assert "emodb" not in text
    assert "one input cannot" not in text


def test_differences_name_changed_networks_and_inputs():
    model = {"name": "cnn-dnn", "filters": [4, 4, 8, 8, 16], "dropout": 0.0}
    text = " ".join(said({"model": model, "features": {"mel": {"name": "melspec", "n_mels": 32}}, "sr": 8000}))
    assert "The network is changed (filters = [4, 4, 8, 8, 16]);" in text
    assert "The input mel is changed (n_mels = 32)" in text
    assert "8000 Hz" in text
    assert "The network is other (x = 1)" in " ".join(said({"model": {"name": "other", "x": 1}}))


def test_another_choice_of_iemocaps_utterances_is_called_out():
    standard = {"anger": 1103, "happiness": 1636, "neutral": 1708, "sadness": 1084}
    first = said({}, standard)[0]
    for words in ("not the paper's", "5,531 utterances", "standard5531", "2,280 utterances"):
        assert words in first
    assert "2,279 utterances" in said({}, {**PAPER, "anger": 288})[0]


def test_counts_of_other_conventions_are_those_of_the_reader():
    from ser_toolkit.evaluation import differences as module
    from ser_toolkit_corpora.iemocap_labels import published

    assert dict(published("paper").labels) == dict(module._PAPER)
    for name, counts in module._OTHERS.items():
        assert dict(published(name.split(" ")[0]).labels) == dict(counts)

"""Training a small network in every way that the configuration knows: resume, selection, votes, copies, many folds."""

from __future__ import annotations

import dataclasses
import gc
import importlib.util
import sys

import numpy as np
import pytest
import torch
from tiny_training import LABELS, TinyModel, TinyNetwork, classes_of, configure, make_store, plan_of, speak

from ser_toolkit.errors import ConfigError, MissingTierError, SplitError
from ser_toolkit.training.batches import Labelled, logits_of
from ser_toolkit.training.fitting import fit_classical, fit_network, make_accelerator
from ser_toolkit.training.network import StandardizedNetwork
from ser_toolkit.training.progress import Silent
from ser_toolkit.training.standardize import fit_standardization
from ser_toolkit_baselines.classical import Svm

EVERYTHING = {
    "training": {
        "epochs": 5, "schedule": "cosine", "warmup_epochs": 1, "sampling": "corpus-balanced", "select": "loss",
        "lr": 0.02, "average": "ema", "clip_norm": 0.5,
    },
    "augment": {
        "freq_masks": 1, "freq_width": 3, "time_masks": 2, "time_width": 4, "stretch": 0.1, "shift_bands": 1,
        "shift_frames": 2, "level": 3, "tilt": 2, "mixup": 0.3, "vector_noise": 0.1, "input_dropout": 0.1,
    },
}  # fmt: skip


class Stop(Exception):
    pass


class StopAfter(Silent):
    def __init__(self, epoch):
        self.last = epoch

    def epoch(self, row):
        if row.epoch == self.last:
            raise Stop


@pytest.fixture(scope="module")
def material(tmp_path_factory):
    """Store, split and classes of the same recordings without copies."""
    folder = tmp_path_factory.mktemp("hums")
    utterances, parts = speak(folder)
    return make_store(folder / "work", utterances, configure()), parts, classes_of(utterances)


@pytest.fixture(scope="module")
def accelerator():
    return make_accelerator(configure(), "cpu")


def run(material, accelerator, out, config, *, plan=None, progress=None, votes=None):
    store, parts, classes = material
    return fit_network(
        plan or plan_of(config),
        store,
        parts,
        classes,
        config,
        accelerator,
        out,
        progress or Silent(),
        votes=votes,
        corpora=np.arange(len(classes)) % 3,
    )


def same(a, b):
    return all(torch.equal(a[k], b[k]) for k in a) and a.keys() == b.keys()


def rows(epochs):
    return [dataclasses.replace(e, seconds=0.0) for e in epochs]


def test_a_small_network_learns(material, accelerator, tmp_path):
    state, logits, epochs = run(material, accelerator, tmp_path, configure(training={"epochs": 12}))
    store, parts, classes = material
    truth = classes[store.owner[store.windows_of(parts.indices("test"))]]
    assert (logits["test"].argmax(axis=1) == truth).mean() > 0.9
    assert epochs[-1].train_loss < 0.5 * epochs[0].train_loss
    assert set(logits) == {"dev", "test"}
    assert state["mean_image"].shape == (1, 8, 1)


@pytest.mark.parametrize(
    ("stopped_after", "changed"),
    [
        (1, {"schedule": "cosine"}),
        (3, {"schedule": "plateau", "average": "none"}),
        (2, {"schedule": "one-cycle"}),
        (3, {"schedule": "one-cycle", "warmup_epochs": 0, "average": "last", "average_epochs": 3, "select": "last"}),
    ],
)
def test_resume_with_everything_on_is_exact(material, accelerator, tmp_path, stopped_after, changed):
    config = configure(**{**EVERYTHING, "training": {**EVERYTHING["training"], "patience": 3, **changed}})
    plan = plan_of(config, model=TinyModel(dropout=0.3))
    state, logits, epochs = run(material, accelerator, tmp_path / "whole", config, plan=plan)
    with pytest.raises(Stop):
        run(material, accelerator, tmp_path / "cut", config, plan=plan, progress=StopAfter(stopped_after))
    again, logits_again, epochs_again = run(material, accelerator, tmp_path / "cut", config, plan=plan)
    assert same(state, again)
    assert rows(epochs) == rows(epochs_again)
    assert np.array_equal(logits["test"], logits_again["test"])


def test_each_setting_changes_the_weights_and_none_does_not(material, accelerator, tmp_path):
    plain, *_ = run(material, accelerator, tmp_path / "plain", configure(training={"epochs": 2}))
    explicit = {"schedule": "constant", "warmup_epochs": 0, "sampling": "all", "select": "ua", "epochs": 2}
    neutral = configure(training={**explicit, "average": "none", "clip_norm": 0}, augment={"freq_masks": 0, "mixup": 0})
    assert same(plain, run(material, accelerator, tmp_path / "neutral", neutral)[0])
    settings = [
        {"training": {"schedule": "cosine"}},
        {"training": {"warmup_epochs": 1}},
        {"training": {"schedule": "one-cycle"}},
        {"training": {"sampling": "balanced"}},
        {"training": {"sampling": "corpus-balanced"}},
        {"training": {"average": "ema"}},
        {"training": {"average": "last"}},
        {"training": {"clip_norm": 0.01}},
        {"training": {"seed": 1}},
        *({"augment": {name: value}} for name, value in EVERYTHING["augment"].items() if "width" not in name),
    ]
    seen = [plain]
    for i, tables in enumerate(settings):
        training = {"epochs": 2, "select": "last", **tables.pop("training", {})}
        config = configure(training=training, **tables)
        state, *_ = run(material, accelerator, tmp_path / str(i), config)
        assert not any(same(state, other) for other in seen), config
        seen.append(state)


def test_the_average_is_what_is_scored_and_kept(material, accelerator, tmp_path):
    plain = {"epochs": 3, "select": "last", "lr": 0.02}
    states, losses = {}, {}
    for average in ("none", "last"):
        config = configure(training={**plain, "average": average, "average_epochs": 1})
        states[average], logits, epochs = run(material, accelerator, tmp_path / average, config)
        losses[average] = [(e.train_loss, e.dev_loss) for e in epochs]
        store, parts, classes = material
        truth = torch.from_numpy(classes[store.owner[store.windows_of(parts.indices("dev"))]])
        dev_loss = float(torch.nn.functional.cross_entropy(torch.from_numpy(logits["dev"]), truth))
        assert epochs[-1].dev_loss == pytest.approx(dev_loss, rel=1e-5)
    assert [e[0] for e in losses["none"]] == [e[0] for e in losses["last"]]  # the optimizer is not touched
    assert losses["none"][:2] == losses["last"][:2]
    assert losses["none"][2][1] != losses["last"][2][1]
    assert not same(states["none"], states["last"])


def test_gradients_are_clipped_to_a_norm(material, accelerator, tmp_path):
    """Adam moves by about its rate however small gradients are, unless they are as small as its epsilon."""
    config = configure(training={"epochs": 1, "clip_norm": 1e-9, "select": "last", "lr": 0.01})
    clipped, *_ = run(material, accelerator, tmp_path / "clipped", config)
    torch.manual_seed(config.training.seed)
    plan = plan_of(config)
    initial = plan.model.build(plan.features.specs(), [plan.target]).state_dict()
    moved = max(float((clipped[f"network.{k}"] - v).abs().max()) for k, v in initial.items())
    assert 0 < moved < 0.002


def test_masks_never_touch_what_is_held_out(material, accelerator, tmp_path):
    config = configure(**EVERYTHING)
    state, logits, _ = run(material, accelerator, tmp_path, config)
    store, parts, classes = material
    plan = plan_of(config)
    network = StandardizedNetwork(plan.model.build(plan.features.specs(), [plan.target]), plan.features.specs())
    network.load_state_dict(state)
    data = Labelled(store=store, windows=store.windows_of(parts.indices("dev")), classes=classes, labels=LABELS)
    again = logits_of(network, plan.features.specs(), data, batch_size=8, device=torch.device("cpu"))
    assert np.array_equal(logits["dev"], again)


@pytest.mark.parametrize("select", ["ua", "loss", "last"])
def test_which_weights_are_kept(material, accelerator, tmp_path, select):
    config = configure(training={"select": select, "epochs": 7, "patience": 2, "lr": 0.1})
    state, _, epochs = run(material, accelerator, tmp_path, config)
    kept = [e.epoch for e in epochs if e.best][-1]
    if select == "last":
        assert [e.best for e in epochs] == [False] * 6 + [True]
    else:
        scores = [e.dev_ua if select == "ua" else -e.dev_loss for e in epochs]
        assert kept == 1 + scores.index(max(scores))
        assert len(epochs) == min(7, kept + 2)
    # a run that ends where the kept epoch was has the same weights
    shorter = configure(training={"select": "last", "epochs": kept, "lr": 0.1})
    assert same(state, run(material, accelerator, tmp_path / "shorter", shorter)[0])


def test_the_rate_of_an_epoch_is_its_last(material, accelerator, tmp_path):
    config = configure(training={"warmup_epochs": 2, "epochs": 4, "lr": 0.01})
    _, _, epochs = run(material, accelerator, tmp_path, config)
    assert [e.lr for e in epochs] == pytest.approx([0.005, 0.01, 0.01, 0.01])


def test_balanced_sampling_expects_both_classes_alike(material, accelerator, tmp_path):
    """Where sounds tell nothing of the label, a network says how frequent each was."""
    store, parts, classes = material
    shuffled = np.random.default_rng(0).permutation(classes)
    expected = {}
    for sampling in ("all", "balanced"):
        config = configure(training={"epochs": 4, "lr": 0.01, "sampling": sampling, "select": "last"})
        plan = plan_of(config, inputs=("vector",))
        _, logits, _ = run((store, parts, shuffled), accelerator, tmp_path / sampling, config, plan=plan)
        expected[sampling] = float(torch.tensor(logits["test"]).softmax(1)[:, 1].mean())
    assert 0.15 < expected["all"] < 0.38
    assert 0.42 < expected["balanced"] < 0.58


class Counted:
    def build(self, target, class_counts):
        self.counts = list(class_counts)
        return torch.nn.CrossEntropyLoss()


def test_losses_are_told_what_an_epoch_shows(material, accelerator, tmp_path):
    counts = {}
    for sampling in ("all", "balanced"):
        config, loss = configure(training={"epochs": 1, "sampling": sampling}), Counted()
        plan = dataclasses.replace(plan_of(config), loss=loss)
        run(material, accelerator, tmp_path / sampling, config, plan=plan)
        counts[sampling] = loss.counts
    assert counts == {"all": [36, 12], "balanced": [24, 24]}


def test_one_hot_votes_train_as_classes_do_and_missing_votes_are_the_class(material, accelerator, tmp_path):
    _, _, classes = material
    config = configure(training={"soft_labels": True})
    hard, _, epochs = run(material, accelerator, tmp_path / "hard", config)
    votes = np.eye(2)[classes]
    votes[::2] = np.nan
    soft, _, soft_epochs = run(material, accelerator, tmp_path / "soft", config, votes=votes)
    assert [e.train_loss for e in soft_epochs] == pytest.approx([e.train_loss for e in epochs], abs=1e-5)
    assert all(torch.allclose(hard[k], soft[k], atol=1e-4) for k in hard)
    assert np.isnan(votes[::2]).all()  # the caller's array is as it was


def test_split_votes_make_the_network_unsure(material, accelerator, tmp_path):
    _, _, classes = material
    config = configure(training={"epochs": 15, "select": "last"})
    votes = np.where(np.eye(2)[classes] == 1, 0.6, 0.4)
    _, logits, epochs = run(material, accelerator, tmp_path, config, votes=votes)
    p = torch.tensor(logits["test"]).softmax(1).max(1).values
    assert 0.5 < float(p.mean()) < 0.75
    assert epochs[-1].dev_loss > 0.6  # at least the entropy of the votes, 0.673, but for chance


@pytest.mark.parametrize(
    ("votes", "said"),
    [
        (np.ones((3, 2)) / 2, r"shape \(3, 2\)"),
        (np.ones((40, 2)), "utterance 0 are"),
        (np.tile([1.5, -0.5], (40, 1)), "sum to 1"),
    ],
)
def test_votes_that_are_no_shares_are_refused(material, accelerator, tmp_path, votes, said):
    with pytest.raises(ConfigError, match=said):
        run(material, accelerator, tmp_path, configure(), votes=votes)


def test_altered_copies_are_trained_on_and_nothing_else(tmp_path, accelerator):
    gain = {"name": "Gain", "min_gain_db": -12.0, "max_gain_db": -6.0, "p": 1.0}
    config = configure(augment={"waveform": [gain], "copies": 2}, training={"epochs": 1, "batch_size": 16})
    utterances, parts = speak(tmp_path)
    store, classes = make_store(tmp_path / "work", utterances, config), classes_of(utterances)
    plain = make_store(tmp_path / "plain", utterances, configure())
    assert len(store) == 3 * len(plain)
    steps = []

    class Steps(Silent):
        def step(self, epoch, step, steps_, loss):
            steps.append(steps_)

    state, logits, _ = run((store, parts, classes), accelerator, tmp_path / "run", config, progress=Steps())
    assert set(steps) == {24 * 2 * 3 // 16}
    assert len(logits["test"]) == len(plain.windows_of(parts.indices("test")))
    specs = plan_of(config).features.specs()
    fitted = fit_standardization(plain, plain.windows_of(parts.indices("train")), specs)
    assert all(np.array_equal(state[f"mean_{k}"].numpy(), fitted[k].mean) for k in specs)

    class CountingSVM:
        name, rows = "svm", []

        def estimator(self, inputs, target, *, seed):
            made = Svm().estimator(inputs, target, seed=seed)
            fit = made.fit
            made.fit = lambda x, y: (self.rows.append(len(x)), fit(x, y))[1]
            return made

    plan = plan_of(config, model=CountingSVM())
    classifier, logits, epochs = fit_classical(plan, store, parts, classes, config)
    assert CountingSVM.rows == [24 * 2 * 3]
    assert np.array_equal(classifier.standardization["image"].mean, fitted["image"].mean)
    assert len(logits["test"]) == 16
    assert epochs == ()


def test_a_plan_of_some_inputs_takes_them_from_a_store_of_more(material, accelerator, tmp_path):
    config = configure(training={"epochs": 1})
    for inputs in (("image",), ("vector",)):
        state, logits, _ = run(material, accelerator, tmp_path / inputs[0], config, plan=plan_of(config, inputs=inputs))
        assert {k for k in state if k.startswith("mean_")} == {f"mean_{inputs[0]}"}
        assert len(logits["dev"]) == 16


def test_many_trainings_in_one_process_are_independent_and_leave_nothing_behind(material, accelerator, tmp_path):
    config, other = configure(**EVERYTHING), configure(training={"epochs": 1, "seed": 3})
    first, *_ = run(material, accelerator, tmp_path / "first", config)

    def networks():
        gc.collect()
        return len(TinyNetwork.alive)

    before = networks()
    for i in range(3):
        run(material, accelerator, tmp_path / f"between{i}", other)
        with pytest.raises(Stop):
            run(material, accelerator, tmp_path / f"stopped{i}", other, progress=StopAfter(1))
    assert networks() == before == 0
    assert same(first, run(material, accelerator, tmp_path / "again", config)[0])


def test_too_few_windows_for_a_step(material, accelerator, tmp_path):
    store, parts, classes = material
    first = parts.parts.index("train")
    few = dataclasses.replace(
        parts, parts=tuple("test" if p == "train" and i != first else p for i, p in enumerate(parts.parts))
    )
    few_store = dataclasses.replace(store, owner=np.where(store.owner == first, -1, store.owner))
    few_store.owner[store.windows_of([first])[0]] = first
    with pytest.raises(SplitError, match="1 training windows are too few"):
        run((few_store, few, classes), accelerator, tmp_path, configure())


def test_tensorboard_gets_every_epoch_once_after_a_resume_too(material, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    config = configure(training={"tracker": "tensorboard", "epochs": 3, "schedule": "cosine"})
    accelerator = make_accelerator(config, "cpu")
    with pytest.raises(Stop):
        run(material, accelerator, tmp_path / "a", config, progress=StopAfter(2))
    _, _, epochs = run(material, accelerator, tmp_path / "a", config)
    run(material, accelerator, tmp_path / "b", config)  # another fold writes into its own folder
    assert not accelerator.trackers
    for name in ("a", "b"):
        events = EventAccumulator(str(tmp_path / name / "tensorboard")).Reload()
        assert set(events.Tags()["scalars"]) >= {"loss/train", "loss/dev", "UA/dev", "WA/dev", "learning rate"}
        logged = events.Scalars("loss/train")
        assert [e.step for e in logged] == [1, 2, 3]
        assert [e.value for e in logged] == pytest.approx([e.train_loss for e in epochs])
        assert [e.value for e in events.Scalars("learning rate")] == pytest.approx([e.lr for e in epochs])


def test_no_tracker_writes_nothing(material, accelerator, tmp_path):
    run(material, accelerator, tmp_path, configure(training={"epochs": 1}))
    assert [p.name for p in tmp_path.iterdir()] == ["work"]
    assert [p.name for p in (tmp_path / "work").iterdir()] == ["last.pt"]


def test_a_tracker_that_is_not_installed_is_named(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: None if name == "tensorboard" else find(name, *a))
    with pytest.raises(MissingTierError, match=r"tensorboard is not installed.*ser-toolkit\[tracking\]"):
        make_accelerator(configure(training={"tracker": "tensorboard"}), "cpu")


def test_without_accelerate_the_tier_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "accelerate", None)
    with pytest.raises(MissingTierError, match=r"ser-toolkit\[train\]"):
        make_accelerator(configure(), "cpu")


def test_another_precision_in_one_process_is_refused(accelerator):
    with pytest.raises(ConfigError, match="another precision"):
        make_accelerator(configure(training={"mixed_precision": "bf16"}), "cpu")

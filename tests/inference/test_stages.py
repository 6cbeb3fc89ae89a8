"""Stages: from columns to columns, nothing between them but what stands in the columns."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import soundfile
from fake_setup import SR, FakeSetup, speech

from ser_toolkit.data.files import Found
from ser_toolkit.data.segments import Segmentation
from ser_toolkit.inference.columns import columns_of, flow, rows_of
from ser_toolkit.inference.pipeline import in_process
from ser_toolkit.inference.plan import Plan
from ser_toolkit.inference.stages import Check, Decode, Extract, Infer, Segment
from ser_toolkit.inference.worker import Work


@pytest.fixture
def files(tmp_path):
    made = []
    for i, seconds in enumerate((2.5, 150.0, 0.6)):
        made.append(tmp_path / f"{i}.wav")
        soundfile.write(made[-1], speech(seconds, seed=i), SR)
    return made


def through(stages, *paths):
    batch = columns_of([{"index": i, "path": str(path)} for i, path in enumerate(paths)])
    return [row for made in flow(stages, batch) for row in rows_of(made)]


def test_stages_of_a_plan_are_plain_values(tiny_model):
    plan = Plan(model=str(tiny_model), hop_s="window")
    work = Work.of(plan, infer=True)
    plan.session()  # is open, and goes into no pickle
    assert pickle.loads(pickle.dumps(work)) == work
    assert len(pickle.dumps(work)) < 20_000
    assert [stage.name for stage in work.file] == [
        "cache", "decode", "check", "segments", "features: melspec", "features: egemaps", "cache", "inference"
    ]  # fmt: skip


def test_columns():
    rows = [{"index": 0, "path": "a"}, {"index": 1, "path": "b"}]
    assert columns_of(rows) == {"index": [0, 1], "path": ["a", "b"]}
    assert rows_of(columns_of(rows)) == rows
    with pytest.raises(ValueError, match="shorter"):
        rows_of({"index": [0, 1], "path": ["a"]})


def test_what_each_stage_adds(files):
    setup = FakeSetup(hashes=True)
    (decoded,) = through([Decode(setup=setup)], files[0])
    assert {"y", "last", "reading"} <= set(decoded)
    (checked,) = through([Decode(setup=setup), Check(setup=setup)], files[0])
    assert checked["notes"] == ()
    assert checked["duration_s"] == 2.5
    assert checked["recording"] != 0
    stages = [Decode(setup=setup), Check(setup=setup), Segment(setup=setup)]
    (piece,) = through(stages, files[0])
    assert piece["starts"].tolist() == [0, 4000, 6000]
    assert piece["heard"].all()
    assert (piece["piece"], piece["offset"], piece["n_samples"], piece["seconds"]) == (0, 0, 10_000, 2.5)
    stages += [Extract(setup=setup, key="vector"), Infer(setup=setup)]
    (row,) = through(stages, files[0])
    assert row["probabilities"].shape == (3, 3)
    assert row["y"] is None
    assert row["features"] == {}


def test_long_recordings_come_in_pieces(files):
    setup = FakeSetup()
    rows = through([Decode(setup=setup), Check(setup=setup), Segment(setup=setup)], files[1])
    assert [row["piece"] for row in rows] == list(range(len(rows)))
    assert len(rows) == 3
    assert [row["last"] for row in rows] == [False, False, True]
    assert sum(row["seconds"] for row in rows) == pytest.approx(150)
    assert max(len(row["y"]) for row in rows) < 100 * SR


def test_rows_with_a_status_pass(files):
    setup = FakeSetup()
    row = {"index": 0, "path": str(files[0]), "status": "failed", "reason": "missing", "detail": "gone"}
    (passed,) = [r for made in flow(Work.of(setup, infer=True).file, columns_of([row])) for r in rows_of(made)]
    assert {key: passed[key] for key in row} == row
    (missing,) = through(Work.of(setup, infer=True).file, files[0].with_name("none.wav"))
    assert (missing["status"], missing["reason"]) == ("failed", "missing")


def test_silent_windows_are_left_out_and_noted(tmp_path):
    y = speech(6.0)
    y[2 * SR : 4 * SR] = 0
    soundfile.write(tmp_path / "x.wav", y, SR)
    setup = FakeSetup()
    (row,) = through(Work.of(setup, infer=True).file, tmp_path / "x.wav")
    assert row["heard"].tolist() == [True, True, False, False, True, True]
    assert row["probabilities"].shape == (4, 3)
    assert row["silent_parts"]


def test_recordings_in_which_no_window_is_heard(tmp_path):
    y = np.zeros(7 * SR // 2, dtype=np.float32)
    y[-SR // 4 :] = speech(0.25)
    soundfile.write(tmp_path / "x.wav", y, SR)
    setup = FakeSetup(Segmentation(window_s=1.0, hop_s=1.0, tail="drop"))
    (row,) = through(Work.of(setup, infer=True).file, tmp_path / "x.wav")
    assert (row["status"], row["reason"]) == ("skipped", "no speech")


def test_too_short_for_the_windows(files):
    setup = FakeSetup(Segmentation(window_s=1.0, hop_s=1.0, short="drop"))
    (row,) = through(Work.of(setup, infer=True).file, files[2])
    assert (row["status"], row["reason"]) == ("skipped", "too short")
    assert "drops recordings under 1 s" in row["detail"]


def test_a_recording_that_was_never_finished_leaves_nothing_behind(files):
    """A worker gives a long file up after two pieces, and takes another one."""
    setup = FakeSetup(hashes=True)
    stages = Work.of(setup, infer=True).file
    fresh = list(in_process(setup, [(1, Found(path=files[0], root=files[0]))], infer=True))
    begun = flow(stages, {"index": [0], "path": [str(files[1])]})
    next(begun)
    begun.close()
    (made,) = [r for m in flow(stages, {"index": [1], "path": [str(files[0])]}) for r in rows_of(m)]
    np.testing.assert_array_equal(made["probabilities"], fresh[0]["probabilities"])
    assert made["starts"].tolist() == fresh[0]["starts"].tolist()
    assert (made["recording"], made["duration_s"], made["notes"]) == (fresh[0]["recording"], 2.5, ())


def test_a_network_that_gives_no_numbers(files):
    setup = FakeSetup()
    setup.network.run = lambda *_: np.full((3, 3), np.nan, dtype=np.float32)
    (row,) = through(Work.of(setup, infer=True).file, files[0])
    assert (row["status"], row["reason"]) == ("failed", "crashed")
    assert "probabilities that are not finite" in row["detail"]

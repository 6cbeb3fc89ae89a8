"""What the Ray engine is made of, in this process and without Ray."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
from fault_runs import speech, write

from ser_toolkit.data.files import find_audio
from ser_toolkit.errors import ConfigError, MissingTierError
from ser_toolkit.inference.engines import check_engine
from ser_toolkit.inference.pipeline import in_process
from ser_toolkit.inference.plan import Plan
from ser_toolkit.models import bundled
from ser_toolkit.ray_engine.actors import Duty, Network, Stages, added
from ser_toolkit.ray_engine.cluster import Cluster, connected, require_ray, shared_environment
from ser_toolkit.ray_engine.mapping import Share, share_of, tables_of
from ser_toolkit.ray_engine.parcels import Parcel, packed, unpacked


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sounds")
    for i, seconds in enumerate((1.0, 4.0)):
        write(folder / f"{i}.wav", speech(seconds, seed=i))
    (folder / "none.wav").write_text("no sound")
    return find_audio([folder])


@pytest.fixture(scope="module")
def duty():
    plan = Plan(model=str(bundled.resolve(None)), hop_s="window")
    return Duty(plan=plan, groups=("computing", "network"), timeout_s=300)


def rows_of_files(files):
    return [{"index": i, "path": str(found.path)} for i, found in enumerate(files)]


def through(stage, tables):
    """Blocks through a stage, as Ray Data maps it: some stages give one block, others several."""
    for table in tables:
        made = stage(table)
        yield from [made] if hasattr(made, "schema") else made


def by_file(rows):
    return {row["index"]: row for row in rows}


def test_groups_one_after_the_other_are_the_pipeline(files, duty):
    expected = by_file(in_process(duty.plan, list(enumerate(files)), infer=True))
    reading = Stages(replace(duty, groups=("reading",)))
    blocks = list(through(reading, tables_of(rows_of_files(files), computing=1)))
    one = Stages(duty)
    two = Stages(replace(duty, groups=("computing",))), Network(replace(duty, groups=("network",)))
    together = [p for table in through(one, blocks) for p in unpacked(table)]
    apart = [p for table in through(two[1], through(two[0], blocks)) for p in unpacked(table)]
    for parcels in (together, apart):
        found = by_file(parcel.row for parcel in parcels)
        assert found.keys() == expected.keys() == {0, 1, 2}
        for index, row in expected.items():
            assert found[index].get("status") == row.get("status")
            if "probabilities" in row:
                np.testing.assert_allclose(found[index]["probabilities"], row["probabilities"], atol=1e-6)
                assert found[index].get("y") is None
        spent = {stage for parcel in parcels for stage in parcel.seconds}
        assert {"decode", "check", "segments", "features: speech-functionals", "inference"} <= spent
        assert {parcel.device for parcel in parcels} == {"cpu"}


def test_a_model_that_differs_here_is_said_once(files, duty, monkeypatch):
    front = duty.plan.front_end()
    monkeypatch.setitem(front.__dict__, "warnings", ("other numbers",))
    stages = Stages(duty)
    (block,) = tables_of(rows_of_files(files[:1]), computing=1)
    (table,) = Stages(replace(duty, groups=("reading",)))(block)
    said = [p.said for _ in range(2) for made in stages(table) for p in unpacked(made)]
    assert said == [("other numbers",), ()]


def test_parcels_come_as_they_were_sent():
    row = {"index": 7, "path": "a\udcff.wav", "y": np.arange(4, dtype=np.float32), "features": {}}
    sent = Parcel(row=row, seconds={"decode": 0.5}, said=("so",), device="cpu")
    table = packed([sent, Parcel(row={"index": 8})])
    assert table.column_names == ["index", "parcel"]
    assert table.column("index").to_pylist() == [7, 8]
    found, other = unpacked(table)
    np.testing.assert_array_equal(found.row.pop("y"), row.pop("y"))
    assert found == sent
    assert other.row == {"index": 8}
    assert added({"a": 1.0}, {"a": 0.5, "b": 2.0}) == {"a": 1.5, "b": 2.0}


def test_how_a_cluster_is_divided():
    assert share_of(2) == Share(computing=2, reading=1)
    assert share_of(64, n_gpus=1) == Share(computing=64, reading=16, network=1)
    assert share_of(64, n_workers=3) == Share(computing=3, reading=1)
    assert Cluster(address="", n_nodes=1, n_cpus=6, n_gpus=0).says == "1 machine, 6 cores"
    assert Cluster(address="", n_nodes=3, n_cpus=6, n_gpus=1).says == "3 machines, 6 cores, 1 GPU"


@pytest.mark.parametrize(
    ("n_rows", "computing", "sizes"), [(3, 4, [1, 1, 1]), (9, 2, [2, 2, 2, 2, 1]), (100, 1, [32, 32, 32, 4])]
)
def test_every_process_gets_some_files(n_rows, computing, sizes):
    tables = tables_of([{"index": i} for i in range(n_rows)], computing=computing)
    assert [len(table) for table in tables] == sizes


@pytest.mark.parametrize("hang", ["time.sleep(100)", "ctypes.PyDLL(None).sleep(100)"])
def test_an_actor_that_hangs_ends_itself(hang):
    code = (
        "import ctypes, time\nfrom ser_toolkit.ray_engine.actors import watched\n"
        f"def rows():\n    yield 1\n    {hang}\n"
        "for row in watched(rows(), 0.5): print(row, flush=True)"
    )
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=90)
    assert (done.returncode, done.stdout) == (1, "1\n")
    assert time.monotonic() - began < 90


def test_our_variables_go_along(monkeypatch):
    monkeypatch.setenv("SER_TOOLKIT_CACHE", "/shared/cache")
    assert shared_environment()["SER_TOOLKIT_CACHE"] == "/shared/cache"
    assert all(name.startswith("SER_TOOLKIT_") for name in shared_environment())


def test_without_ray_the_tier_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingTierError, match=r"pip install 'ser-toolkit\[ray\]'"):
        require_ray()


@pytest.mark.parametrize(
    "command", [["analyze", "x.wav"], ["extract", "x.wav", "-o", "x.csv"], ["train", "x.csv"], ["evaluate", "x.csv"]]
)
def test_commands_name_the_tier_before_anything_else(command, tmp_path):
    code = "import sys; sys.modules['ray'] = None; from ser_toolkit.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, *command, "--engine", "ray"], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 1
    assert "--engine ray needs the [ray] tier (ray is not installed)" in " ".join(done.stderr.split())
    assert not list(tmp_path.iterdir())


def test_what_does_not_go_together():
    with pytest.raises(ConfigError, match="give --engine ray as well"):
        check_engine("local", "auto", workers=None)
    with pytest.raises(ConfigError, match="no cluster"):
        check_engine("ray", "", workers=0)
    with pytest.raises(ConfigError, match="does not run through Ray's client"), connected("ray://head:10001"):
        pass


def test_no_statistics_of_usage(monkeypatch):
    pytest.importorskip("ray", reason="tier [ray] is not installed")
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "1")
    require_ray()
    from ray._common.usage.usage_lib import usage_stats_enabled

    assert not usage_stats_enabled()

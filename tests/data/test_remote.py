from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest
from remote_servers import PASSWORD, USER, bad_line

from ser_toolkit.data import atomic, connection, remote
from ser_toolkit.data.audio import decode
from ser_toolkit.data.cache_key import content_hash
from ser_toolkit.data.connection import path_of, patiently
from ser_toolkit.data.files import display_path, find_audio, identity, path_from_display
from ser_toolkit.data.locations import Url, locate
from ser_toolkit.data.manifest import read_manifest
from ser_toolkit.errors import AudioError, ConfigError, ManifestError, ModelError, OutputError, RemoteError
from ser_toolkit.models import bundled
from ser_toolkit.training.alike import listen
from ser_toolkit.training.audio_state import files_digest

fsspec = pytest.importorskip("fsspec", reason="the [remote] tier is not installed")

WRITABLE = ["s3", "gs", "sftp"]
KINDS = [*WRITABLE, "web"]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, tiny_corpus: Path) -> Path:
    """Three recordings and some other things."""
    folder = tmp_path_factory.mktemp("files")
    sound = sorted((tiny_corpus.parent / "audio").iterdir())
    for name, source in zip(("a.wav", "sub/b c.wav", "sub/deep/ü%41.WAV"), sound, strict=False):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(source.read_bytes())
    (folder / "notes.txt").write_text("no sound")
    (folder / ".hidden").mkdir()
    (folder / ".hidden/x.wav").write_bytes(b"RIFF")
    (folder / "sub/.y.wav").write_bytes(b"RIFF")
    (folder / "empty").mkdir()
    (folder / "manifest.csv").write_text(
        "file,speaker,emotion\na.wav,anna,anger\nsub/b c.wav,bert,sadness\nsub/gone.wav,bert,anger\n"
    )
    return folder


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, home: Path) -> Iterator[None]:
    """Credentials where their owners look for them, and no more patience than a test has."""
    for name, value in {
        "HOME": str(home / "home"),
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing-secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "SER_TOOLKIT_REMOTE_TRIES": "2",
        "SER_TOOLKIT_REMOTE_TIMEOUT_S": "20",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(connection, "_systems", {})
    monkeypatch.setattr(connection, "_FIRST_WAIT_S", 0.01)
    yield


@pytest.fixture
def at(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, files: Path, tmp_path: Path):
    """``at("s3")``: URL of a folder on a server that has the files."""

    def url(kind: str) -> str:
        if kind == "web":
            return request.getfixturevalue("web") + "/open/"
        if kind == "sftp":
            copy = tmp_path / "there"
            if not copy.exists():
                shutil.copytree(files, copy)
            return request.getfixturevalue("sftp") + str(copy)
        if kind == "gs":
            monkeypatch.setenv("STORAGE_EMULATOR_HOST", request.getfixturevalue("gs"))
            monkeypatch.setitem(fsspec.config.conf, "gs", {"token": "anon"})
            for path in files.rglob("*"):
                if path.is_file():
                    remote.put(path, Url("gs://archive/in").joined(path.relative_to(files).as_posix()))
            return "gs://archive/in"
        monkeypatch.setenv("AWS_ENDPOINT_URL", request.getfixturevalue("s3"))
        return "s3://archive/in"

    return url


@pytest.mark.parametrize("kind", KINDS)
def test_a_folder_is_listed_as_a_local_one(kind: str, at, files: Path) -> None:
    url = at(kind)
    found = find_audio([url])
    assert [f.error for f in found] == [None] * 3
    here = [f.path.relative_to(files).as_posix() for f in find_audio([files])]
    there = [str(f.path).removeprefix(url).lstrip("/") for f in found]
    if kind == "web":
        there = [unquote(name) for name in there]
    assert there == here
    assert [f.path.n_bytes for f in found] == [f.path.stat().st_size for f in find_audio([files])]
    assert len({f.path.version for f in found} - {None}) >= (
        3 if kind in ("s3", "gs") else 1
    )  # elsewhere times of change
    shown = [display_path(f.path) for f in found]
    assert [identity(path_from_display(name)) for name in shown] == shown
    assert [path_from_display(name) for name in shown] == [f.path for f in found]


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_is_decoded_as_a_local_one_and_nothing_is_left(
    kind: str, at, files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = find_audio([at(kind)])
    room = tmp_path / "room"
    room.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(room))
    for far, near in zip(found, find_audio([files]), strict=True):
        assert (decode(far.path, sr=16_000).y == decode(near.path, sr=16_000).y).all()
        assert (decode(str(far.path), sr=16_000, end_s=0.2).y == decode(near.path, sr=16_000, end_s=0.2).y).all()
    with remote.fetched(found[0].path) as copy:
        assert copy.stat().st_size == found[0].path.n_bytes
        assert list(room.iterdir()) == []  # it has no name
    assert list(room.iterdir()) == []


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_there_is_a_row(kind: str, at) -> None:
    url = at(kind)
    gone, empty = find_audio([f"{url.rstrip('/')}/gone.wav"]), find_audio([f"{url.rstrip('/')}/empty/"])
    if kind == "web":
        with pytest.raises(AudioError, match="no such file") as raised:
            decode(gone[0].path, sr=16_000)
        assert raised.value.reason == "missing"
    else:
        assert gone[0].error is not None
        assert gone[0].error.reason == "missing"
    assert empty[0].error is not None
    assert empty[0].error.reason == (
        "missing" if kind in ("s3", "gs") else "empty"
    )  # object stores have no empty folders


@pytest.mark.parametrize("kind", WRITABLE)
def test_a_file_is_written_in_one_step(kind: str, at, tmp_path: Path) -> None:
    target = locate(at(kind)) / "results.csv"
    remote.check_writable(target)
    for text in ("first", "second, and longer"):
        atomic.write_text(target, text)
        assert remote.read_bytes(target) == text.encode()
    with pytest.raises(ZeroDivisionError), atomic.replacing(target) as temporary:
        temporary.write_text("half")
        raise ZeroDivisionError
    assert remote.read_bytes(target) == b"second, and longer"
    assert not temporary.exists()
    left = patiently(target.parent, lambda system: system.ls(path_of(target.parent), detail=False))
    assert [name for name in left if atomic.PREFIX in name] == []


@pytest.mark.parametrize("kind", WRITABLE)
def test_what_cannot_be_written_says_so_at_the_start_and_is_kept_in_the_end(kind: str, at) -> None:
    url = f"{at(kind)}/no-such-folder/x.csv" if kind == "sftp" else f"{kind}://no-such-bucket/x.csv"
    at(kind)
    with pytest.raises(RemoteError):
        remote.check_writable(locate(url))
    if kind == "s3":
        with pytest.raises(OutputError, match="What was to be written is in") as raised:
            atomic.write_text(locate(url), "hours of work")
        kept = Path(str(raised.value).rpartition(" ")[2])
        assert kept.read_text() == "hours of work"
        kept.unlink()


def test_what_cannot_be_renamed_leaves_nothing_behind(at, tmp_path: Path) -> None:
    url = at("sftp")
    with pytest.raises(OutputError, match="cannot be written") as raised:
        atomic.write_text(locate(f"{url}/sub"), "in place of a folder")
    Path(str(raised.value).rpartition(" ")[2]).unlink()
    assert (tmp_path / "there/sub").is_dir()
    assert [path for path in (tmp_path / "there").iterdir() if path.name.startswith(atomic.PREFIX)] == []


def test_elsewhere_than_on_linux_a_copy_has_a_name_and_is_removed(
    at, files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = tmp_path / "room"
    room.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(room))
    monkeypatch.setattr(remote, "_DESCRIPTORS", tmp_path / "no-such-folder")
    with remote.fetched(locate(at("sftp") + "/a.wav")) as copy:
        assert copy.read_bytes() == (files / "a.wav").read_bytes()
        assert (copy.parent, copy.suffix) == (room, ".wav")
    assert list(room.iterdir()) == []


def test_a_manifest_has_an_end(at, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "_TEXT_BYTES", 10)
    with pytest.raises(ManifestError, match="larger than"):
        read_manifest([at("sftp") + "/manifest.csv"])


def test_the_web_is_only_read(at) -> None:
    with pytest.raises(RemoteError, match="can be read but not written to; s3://, gs://, sftp://"):
        remote.check_writable(locate(at("web") + "x.csv"))


def test_a_folder_without_an_index_says_what_to_do(web: str) -> None:
    (found,) = find_audio([f"{web}/closed/"])
    assert found.error is not None
    assert "manifest" in found.error.detail
    assert "index" in found.error.detail


def test_a_page_instead_of_a_recording_is_no_recording(at) -> None:
    (found,) = find_audio([at("web") + "sub"])
    assert found.error is not None
    assert "ends with a slash" in found.error.detail


def test_a_page_cannot_lead_elsewhere(web: str, files: Path) -> None:
    page = files / "empty/trap"
    page.mkdir()
    links = ["http://127.0.0.1:1/x.wav", "/open/a.wav", "../../a.wav", "..%2fa.wav", ".z.wav", "ok.wav?x=1"]
    (page / "index.html").write_text("".join(f'<a href="{link}">x</a>' for link in links))
    try:
        (found,) = find_audio([f"{web}/open/empty/trap/"])
        assert found.error is not None
    finally:
        (page / "index.html").unlink()
        page.rmdir()


def test_a_link_that_leads_in_circles_ends(at, tmp_path: Path) -> None:
    url = at("sftp")
    (tmp_path / "there/sub/again").symlink_to(tmp_path / "there/sub")
    (tmp_path / "there/sub/nowhere.wav").symlink_to(tmp_path / "gone.wav")
    found = find_audio([url])
    assert {Path(str(f.path)).name for f in found} == {"a.wav", "b c.wav", "ü%41.WAV", "nowhere.wav"}


def test_credentials_come_from_netrc(web: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AudioError, match="access is denied"):
        decode(f"{web}/secret/a.wav", sr=16_000)
    netrc = home / "home/.netrc"
    netrc.write_text(f"machine 127.0.0.1 login {USER} password {PASSWORD}\n")
    netrc.chmod(0o600)
    try:
        monkeypatch.setattr(connection, "_systems", {})
        assert decode(f"{web}/secret/a.wav", sr=16_000).duration_s > 0
        assert len(find_audio([f"{web}/secret/"])) == 3
    finally:
        netrc.unlink()


def test_a_host_that_is_not_known_is_not_trusted(at, home: Path) -> None:
    url = at("sftp")
    known = home / "home/.ssh/known_hosts"
    text = known.read_text()
    known.write_text("")
    try:
        (found,) = find_audio([url])
    finally:
        known.write_text(text)
    assert found.error is not None
    assert "known_hosts" in found.error.detail


def test_a_key_that_is_not_let_in(at, home: Path) -> None:
    url = at("sftp")
    key = home / "home/.ssh/id_ed25519"
    moved = key.rename(home / "away")
    try:
        (found,) = find_audio([url])
    finally:
        moved.rename(key)
    assert found.error is not None
    assert "access is denied" in found.error.detail


@pytest.mark.parametrize("fault", ["cut", "refuse", "stall"])
@pytest.mark.parametrize("kind", ["s3", "web"])
def test_a_bad_line_is_tried_again(
    kind: str, fault: str, at, files: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    at(kind)
    monkeypatch.setenv("SER_TOOLKIT_REMOTE_TIMEOUT_S", "2")
    with bad_line(request.getfixturevalue(kind)) as line:
        url = f"http://127.0.0.1:{line.port}/open/a.wav"
        if kind == "s3":
            monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{line.port}")
            url = "s3://archive/in/a.wav"
        line.faults = [fault]
        monkeypatch.setenv("SER_TOOLKIT_REMOTE_TRIES", "3")
        assert (decode(url, sr=16_000).y == decode(files / "a.wav", sr=16_000).y).all()
        assert line.n_connections >= 2
        line.faults = [fault] * 20
        line.n_connections = 0
        monkeypatch.setattr(connection, "_systems", {})
        monkeypatch.setenv("SER_TOOLKIT_REMOTE_TRIES", "2")
        with pytest.raises(AudioError, match="2 tries") as raised:
            decode(url, sr=16_000)
        assert raised.value.reason == "unreadable"
        assert line.n_connections <= 4


def test_a_server_that_is_not_there_is_given_up() -> None:
    (found,) = find_audio(["sftp://127.0.0.1:9/x"])
    assert found.error is not None
    assert "2 tries" in found.error.detail


def test_what_has_no_end_is_broken_off(at, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "MAX_BYTES", 1000)
    for kind in KINDS:
        url = find_audio([at(kind)])[0].path
        with pytest.raises(AudioError, match="larger than"):
            decode(url, sr=16_000)


@pytest.mark.parametrize("kind", KINDS)
def test_a_manifest_there_names_files_there(kind: str, at, files: Path, tmp_path: Path) -> None:
    url = at(kind).rstrip("/")
    far, near = read_manifest([f"{url}/manifest.csv"]), read_manifest_without_the_missing(files, tmp_path)
    assert [u.key for u in far.utterances] == ["a.wav", "sub/b c.wav", "sub/gone.wav"]
    assert far.utterances[0].emotion == "anger"
    assert (decode(far.utterances[1].file, sr=16_000).y == decode(near.utterances[1].file, sr=16_000).y).all()
    with pytest.raises(AudioError):
        decode(far.utterances[2].file, sr=16_000)
    heard = listen(far.utterances)
    assert heard.recordings[:2] == listen(near.utterances).recordings
    assert list(heard.unusable) == ["sub/gone.wav"]
    assert files_digest(far.utterances) == files_digest(far.utterances) != files_digest(far.utterances[1:])
    folder = read_manifest([url + "/"])
    assert folder.sha256 == far.sha256
    with pytest.raises(ManifestError, match="holds neither manifest"):
        read_manifest([url + "/sub/"])


def read_manifest_without_the_missing(files: Path, tmp_path: Path):
    text = (files / "manifest.csv").read_text().splitlines()
    rows = [line.replace("a.wav", f"{files}/a.wav").replace("sub/b", f"{files}/sub/b") for line in text[:-1]]
    (tmp_path / "near.csv").write_text("\n".join(rows) + "\n")
    return read_manifest([tmp_path / "near.csv"])


def test_a_manifest_here_names_files_there(at, tmp_path: Path) -> None:
    url = at("web")
    path = tmp_path / "manifest.csv"
    path.write_text(f"file,speaker,emotion\n{url}a.wav?key=SECRET,anna,anger\n")
    (utterance,) = read_manifest([path]).utterances
    assert decode(utterance.file, sr=16_000).duration_s > 0
    assert "SECRET" not in utterance.key
    path.write_text("file,speaker,emotion\nhttps://me:SECRET@host/a.wav,anna,anger\n")
    with pytest.raises(ManifestError, match="line 2") as raised:
        read_manifest([path])
    assert "SECRET" not in str(raised.value)


def test_a_cache_knows_a_file_by_what_its_server_says(at, files: Path, tmp_path: Path) -> None:
    url = Url(at("sftp") + "/a.wav")
    first = content_hash(url)
    assert first is not None
    assert content_hash(url) == first
    there = tmp_path / "there/a.wav"
    there.write_bytes(there.read_bytes() + b"more")
    assert content_hash(url) != first
    assert content_hash(Url(at("web") + "gone.wav")) is None


def test_a_model_is_fetched_once(at, files: Path, tmp_path: Path) -> None:
    url = at("sftp")
    (tmp_path / "there/model.onnx").write_bytes(b"model")
    path = bundled.resolve(f"{url}/model.onnx")
    assert path.read_bytes() == b"model"
    assert bundled.resolve(f"{url}/model.onnx") == path
    assert bundled.display_name(path) == "model.onnx"
    with pytest.raises(ModelError, match=r"gone\.onnx: there is no such file"):
        bundled.resolve(f"{url}/gone.onnx")


def test_settings_that_are_no_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SER_TOOLKIT_REMOTE_TRIES", "many")
    with pytest.raises(ConfigError, match="SER_TOOLKIT_REMOTE_TRIES is 'many'"):
        find_audio(["https://127.0.0.1:9/x/"])

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest

from ser_toolkit.data.files import display_path, find_audio, path_from_display
from ser_toolkit.data.locations import Url, locate
from ser_toolkit.errors import ConfigError


@pytest.mark.parametrize("path", ["recordings", "/a/b.wav", "a:b/c.wav", "s3:/x", "C:\\x.wav", "mailto:x@y/z:1"])
def test_a_path_stays_a_path(path: str) -> None:
    assert locate(path) == Path(path)
    assert locate(Path(path)) == Path(path)


@pytest.mark.parametrize(
    "url",
    [
        "s3://bucket/folder/a b.wav",
        "S3://bucket/a:b@c.wav",
        "gs://bucket",
        "sftp://anna@host:2222/~/x//y.wav",
        "https://host:8080/a.wav?x=1",
        "http://[::1]:80/a.wav",
    ],
)
def test_a_url_is_kept_to_the_letter(url: str) -> None:
    found = locate(url)
    assert isinstance(found, Url)
    assert str(found) == os.fspath(found) == url.replace("S3:", "s3:")
    assert locate(found) is found
    assert pickle.loads(pickle.dumps(found)) == found


@pytest.mark.parametrize(
    "url",
    [
        "sftp://anna:PASSWORD@host/x",
        "sftp://anna:PASSWORD/1@host/x",
        "sftp://anna:PASS@WORD@host/x",
        "https://PASSWORD@host/x.wav",
        "s3://KEY:PASSWORD@bucket/x?sig=PASSWORD",
    ],
)
def test_a_password_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(ConfigError, match="passwords are not taken from URLs") as raised:
        find_audio([url])
    assert "PASS" not in str(raised.value)
    assert "WORD" not in str(raised.value)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("ftp://host/x", "ftp:// cannot be read: known are s3://, gs://, sftp://, https://, http://"),
        ("file:///x", "give the path itself"),
        ("s3:///x", "names no bucket"),
        ("https://", "names no host"),
    ],
)
def test_other_urls_say_what_is_known(url: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        locate(url)


def test_parts_of_a_url() -> None:
    url = Url("https://host/folder/a.b.wav?key=x/y.mp3")
    assert (url.scheme, url.name, url.suffix, url.parent) == ("https", "a.b.wav", ".wav", Url("https://host/folder"))
    assert url.with_suffix(".json") == Url("https://host/folder/a.b.json")
    assert Url("s3://b/what?.wav").name == "what?.wav"
    assert Url("s3://b/x").joined("../a/./b.wav") == Url("s3://b/a/b.wav")
    assert Url("https://b/x").joined("what?#1.wav") == Url("https://b/x/what%3F%231.wav")
    assert Url("s3://b/x").known(n_bytes=1, version=2) == Url("s3://b/x")


def test_what_is_shown_has_no_signature_and_names_one_file() -> None:
    first, second = (f"https://host/a%20b.wav?X-Amz-Signature=SECRET{i}" for i in range(2))
    assert "SECRET" not in display_path(first)
    assert display_path(first).startswith("https://host/a%20b.wav?hidden-")
    assert display_path(first) != display_path(second)
    assert display_path(display_path(first)) == display_path(first)
    assert display_path(Url(first)) == display_path(first)


@pytest.mark.parametrize("url", ["s3://b/a%41\n\u202ex.wav", "https://h/a%41.wav", "sftp://h/\udcff.wav"])
def test_a_shown_url_is_one_line_and_comes_back(url: str) -> None:
    shown = display_path(url)
    assert shown.isprintable()
    assert path_from_display(shown) == Url(url)

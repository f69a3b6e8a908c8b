"""Files are written whole or not at all, here and elsewhere."""

import errno
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from lumos_dagster.errors import ConfigError
from lumos_dagster.files import absolute, filesystem, is_local, join, open_atomic, open_input, remove_tree


@pytest.fixture(params=["local", "memory"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path) if request.param == "local" else f"memory://files-{tmp_path.name}"


def content(url: str) -> bytes:
    with open_input(url) as stream:
        return stream.read()


def test_a_file_appears_when_it_is_whole(folder: str) -> None:
    url = join(folder, "new", "a.bin")

    with open_atomic(url) as stream:
        stream.write(b"new")
        file_system, path = filesystem(url)
        assert not file_system.exists(path)

    assert content(url) == b"new"


def test_a_failed_write_leaves_the_old_file_and_nothing_else(folder: str) -> None:
    url = join(folder, "a.bin")
    with open_atomic(url) as stream:
        stream.write(b"old")

    with pytest.raises(TypeError), open_atomic(url) as stream:
        stream.writelines([b"new", None])  # type: ignore[list-item]

    file_system, path = filesystem(folder)
    assert content(url) == b"old"
    assert [name.rsplit("/", 1)[-1] for name in file_system.ls(path, detail=False)] == ["a.bin"]


def test_one_file_may_be_written_within_another(folder: str) -> None:
    with open_atomic(join(folder, "outer")) as outer:
        outer.write(b"1")
        with open_atomic(join(folder, "inner")) as inner:
            inner.write(b"2")
        outer.write(b"3")

    assert (content(join(folder, "outer")), content(join(folder, "inner"))) == (b"13", b"2")


def test_permissions_are_those_asked_for(tmp_path: Path) -> None:
    with open_atomic(str(tmp_path / "secret"), mode=0o600) as stream:
        stream.write(b"x")

    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600


def test_overwriting_keeps_a_link_and_who_may_read(tmp_path: Path) -> None:
    (tmp_path / "file").touch(mode=0o600)
    (tmp_path / "link").symlink_to("file")

    with open_atomic(str(tmp_path / "link")) as stream:
        stream.write(b"x")

    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_bytes() == b"x"
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600


def test_a_large_file_goes_to_the_disk_while_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before, synced = os.fsync, threading.Event()

    def fsync(descriptor: int) -> None:
        before(descriptor)
        synced.set()

    monkeypatch.setattr(os, "fsync", fsync)
    with open_atomic(str(tmp_path / "large")) as stream:
        for _ in range(5):
            stream.write(bytes(8 << 20))
        assert synced.wait(10)

    assert (tmp_path / "large").stat().st_size == 40 << 20


def test_what_the_disk_says_behind_the_back_is_heard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fails cannot be had here; the system tells of it only once."""
    before, told = os.fsync, threading.Event()

    def fsync(descriptor: int) -> None:
        if not told.is_set():
            told.set()
            raise OSError(errno.EIO, "Input/output error")
        before(descriptor)

    def write() -> None:
        with open_atomic(str(tmp_path / "file")) as stream:
            stream.write(bytes(20 << 20))
            assert told.wait(10)

    (tmp_path / "file").write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(OSError, match="Input/output error"):
        write()

    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert content(str(tmp_path / "file")) == b"old"


def test_a_folder_is_removed_with_all_in_it(folder: str) -> None:
    with open_atomic(join(folder, "deep", "er", "a")) as stream:
        stream.write(b"x")

    remove_tree(join(folder, "deep"))
    remove_tree(join(folder, "deep"))

    file_system, path = filesystem(join(folder, "deep"))
    assert not file_system.exists(path)


def test_an_unknown_protocol_is_a_mistake_of_the_configuration() -> None:
    with pytest.raises(ConfigError, match="cannot open 'nowhere://x'"):
        filesystem("nowhere://x")


def test_a_place_has_one_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    assert absolute("a.csv") == absolute(f"{tmp_path}/a.csv") == absolute(f"file://{tmp_path}/a.csv")
    assert absolute("a.csv") == os.path.join(tmp_path, "a.csv")  # noqa: PTH118 - a text is compared
    assert absolute("memory://x/a.csv").startswith("memory://")
    assert is_local("a.csv")
    assert not is_local("memory://x/a.csv")


def test_what_a_killed_writer_left_is_removed_but_not_what_a_living_one_writes(tmp_path: Path) -> None:
    target = tmp_path / "rows.csv"
    script = (
        "import os, signal, sys; from lumos_dagster.files import open_atomic\n"
        "with open_atomic(sys.argv[1]) as stream:\n"
        "    stream.write(b'half'); stream.flush(); os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", script, str(target)], check=False)
    assert len(list(tmp_path.iterdir())) == 1
    (tmp_path / ".rows.csv.notes.tmp").write_text("not ours")
    with open_atomic(str(target)) as first:
        first.write(b"first")
        first.flush()
        with open_atomic(str(target)) as second:
            second.write(b"second")
    assert target.read_bytes() == b"first"
    assert {path.name for path in tmp_path.iterdir()} == {"rows.csv", ".rows.csv.notes.tmp"}

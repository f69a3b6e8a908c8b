"""Compiled code that is kept, and read again only as it was written."""

import os
import time
from pathlib import Path

import pytest

from lumos_dagster.errors import PluginError
from lumos_dagster.plugins.wasm import WasmDriver, engine
from lumos_dagster_tests.plugins.wasm.guests import Guests, core

ECHO = core("(local.get $rows)")


@pytest.fixture
def compiled(guests: Guests, tmp_path: Path) -> Path:
    """A guest's compiled code in the cache."""
    engine.load(guests.binary(ECHO), "g")
    (found,) = (path for path in (tmp_path / "cache").rglob("*") if path.is_file() and not path.suffix)
    return found


@pytest.fixture
def no_compiler(monkeypatch: pytest.MonkeyPatch, compiled: Path) -> None:
    """Whoever compiles from here on fails."""

    def refuse(*_: object) -> None:
        raise AssertionError("compiled again")

    monkeypatch.setattr(engine, "_keep", refuse)


@pytest.mark.usefixtures("no_compiler")
def test_code_is_compiled_once_and_then_ready_in_milliseconds(guests: Guests) -> None:
    binary = guests.binary(ECHO)
    WasmDriver().describe(binary)

    def seconds() -> float:
        started = time.perf_counter()
        with guests.guest(binary):
            return time.perf_counter() - started

    assert min(seconds() for _ in range(5)) < 0.5


@pytest.mark.parametrize("harm", ["a bit", "the digest", "the end"])
def test_code_that_is_not_what_was_written_is_compiled_again(guests: Guests, compiled: Path, harm: str) -> None:
    whole = compiled.read_bytes()
    if harm == "a bit":
        compiled.write_bytes(whole[:-100] + bytes([whole[-100] ^ 1]) + whole[-99:])
    elif harm == "the end":
        compiled.write_bytes(whole[: len(whole) // 2])
    else:
        compiled.with_suffix(".sha256").write_text("0" * 64)

    WasmDriver().describe(guests.binary(ECHO))

    assert compiled.read_bytes() == whole


def test_the_folder_is_the_users_own(compiled: Path) -> None:
    assert compiled.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.usefixtures("compiled")
def test_a_folder_that_others_can_write_is_not_used(guests: Guests, compiled: Path) -> None:
    compiled.parent.chmod(0o777)
    compiled.write_bytes(b"")

    assert WasmDriver().describe(guests.binary(ECHO)).name == "g"
    assert compiled.read_bytes() == b""


def test_other_code_is_other_code(guests: Guests, compiled: Path) -> None:
    WasmDriver().describe(guests.binary(core("(i64.const 0)"), "other"))

    assert len([path for path in compiled.parent.iterdir() if not path.suffix]) == 2


def test_a_binary_that_is_gone_is_told(guests: Guests) -> None:
    with pytest.raises(PluginError, match=r"plugin gone: .*gone\.wasm cannot be read: No such file"):
        WasmDriver().describe(guests.folder / "gone.wasm")


def test_the_cache_is_bounded_and_the_oldest_goes_first(
    guests: Guests, compiled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "KEPT", 2)
    for age in (1, 2):
        old = compiled.with_name(f"old{age}")
        for path in (old, old.with_suffix(".sha256")):
            path.touch()
            os.utime(path, (age, age))

    engine.load(guests.binary(core("(i64.const 0)"), "other"), "other")

    left = {path.name for path in compiled.parent.iterdir()}
    assert len(left) == 4
    assert {compiled.name, f"{compiled.name}.sha256"} < left
    assert not any(name.startswith("old") for name in left)

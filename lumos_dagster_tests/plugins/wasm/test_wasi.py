"""Components that import WASI, as most compilers make them: it is there, but leads nowhere."""

import shutil
import threading
import time
from pathlib import Path

import pyarrow as pa
import pytest

from lumos_dagster.errors import Interrupted, PluginError
from lumos_dagster.plugins.guest import Rights
from lumos_dagster.plugins.wasm.sandbox import GRACE
from lumos_dagster_tests.plugins.wasm.components import WIT, build, version1
from lumos_dagster_tests.plugins.wasm.guests import Guests, core

ROWS = pa.table({"id": [1, 2]})
ECHO = """(func (export "lumos:plugin/transformer@1.0.0#transform") (param i32 i32) (result i32)
  (call $pair (local.get 0) (local.get 1)))"""
PACKAGES = {
    "io": """package wasi:io@0.2.0;
      interface poll { resource pollable { block: func(); } }
      interface error { resource error; }
      interface streams { use error.{error};
        variant stream-error { last-operation-failed(error), closed }
        resource output-stream { blocking-write-and-flush: func(contents: list<u8>) -> result<_, stream-error>; } }""",
    "clocks": """package wasi:clocks@0.2.0;
      interface monotonic-clock { use wasi:io/poll@0.2.0.{pollable}; subscribe-duration: func(when: u64) -> pollable; }""",
    "cli": """package wasi:cli@0.2.0;
      interface environment { get-environment: func() -> list<tuple<string, string>>; }
      interface stderr { use wasi:io/streams@0.2.0.{output-stream}; get-stderr: func() -> output-stream; }""",
    "filesystem": """package wasi:filesystem@0.2.0;
      interface types { resource descriptor; }
      interface preopens { use types.{descriptor}; get-directories: func() -> list<tuple<descriptor, string>>; }""",
    "http": """package wasi:http@0.2.0;
      interface outgoing-handler { handle: func(); }""",
}


def component(guests: Guests, wanted: str, imports: str, init: str) -> Path:
    """A transformer whose `init` does that; `wanted` are its imports in WIT."""
    wit = guests.folder / "wit"
    shutil.rmtree(wit, ignore_errors=True)
    shutil.copytree(WIT / "v1", wit)
    for name, text in PACKAGES.items():
        (wit / "deps" / name).mkdir(parents=True)
        (wit / "deps" / name / "package.wit").write_text(text)
    path = wit / "lumos-plugin.wit"
    path.write_text(
        path.read_text("utf-8").replace("world transformer-plugin {", f"world transformer-plugin {{ {wanted}")
    )
    return build(version1(ECHO, init=init, imports=imports), wit, "transformer-plugin", guests.folder)


def sleeper(guests: Guests, seconds: int) -> Path:
    return component(
        guests,
        "import wasi:clocks/monotonic-clock@0.2.0; import wasi:io/poll@0.2.0;",
        """(import "wasi:clocks/monotonic-clock@0.2.0" "subscribe-duration" (func $after (param i64) (result i32)))
        (import "wasi:io/poll@0.2.0" "[method]pollable.block" (func $block (param i32)))""",
        f"(call $block (call $after (i64.const {seconds * 10**9})))",
    )


def test_a_nap_is_taken(guests: Guests) -> None:
    assert guests.transform(sleeper(guests, 0), ROWS).equals(ROWS)


def test_a_guest_that_sleeps_too_long_is_left_behind(guests: Guests) -> None:
    path = sleeper(guests, 12)
    started = time.monotonic()

    with pytest.raises(PluginError, match=r"plugin guest: init: ran longer than its limit of 1 s"):
        guests.transform(path, ROWS, timeout_seconds=1)

    assert time.monotonic() - started < GRACE + 4
    assert guests.transform(sleeper(guests, 0), ROWS).equals(ROWS)


def test_a_cancelled_run_does_not_wait_for_a_sleeping_guest(guests: Guests) -> None:
    path = sleeper(guests, 12)
    timer = threading.Timer(0.2, guests.cancellation.cancel, [Interrupted("the run was told to end")])
    started = time.monotonic()
    timer.start()

    with pytest.raises(Interrupted):
        guests.transform(path, ROWS, timeout_seconds=60)

    timer.join()
    assert time.monotonic() - started < GRACE + 4


def test_there_are_no_files_and_no_environment(guests: Guests, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "of the host")
    path = component(
        guests,
        "import wasi:cli/environment@0.2.0; import wasi:filesystem/preopens@0.2.0;",
        """(import "wasi:cli/environment@0.2.0" "get-environment" (func $environment (param i32)))
        (import "wasi:filesystem/preopens@0.2.0" "get-directories" (func $folders (param i32)))""",
        """(call $environment (i32.const 4000)) (call $folders (i32.const 4008))
        (if (i32.or (i32.load (i32.const 4004)) (i32.load (i32.const 4012))) (then unreachable))""",
    )

    assert guests.transform(path, ROWS).equals(ROWS)


def test_a_component_finds_what_was_granted_and_nothing_else(guests: Guests, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRANTED", "yes")
    monkeypatch.setenv("SECRET", "of the host")
    path = component(
        guests,
        "import wasi:cli/environment@0.2.0; import wasi:filesystem/preopens@0.2.0;",
        """(import "wasi:cli/environment@0.2.0" "get-environment" (func $environment (param i32)))
        (import "wasi:filesystem/preopens@0.2.0" "get-directories" (func $folders (param i32)))""",
        """(call $environment (i32.const 4000)) (call $folders (i32.const 4008))
        (if (i32.ne (i32.load (i32.const 4004)) (i32.const 1)) (then unreachable))
        (if (i32.ne (i32.load (i32.const 4012)) (i32.const 1)) (then unreachable))""",
    )
    rights = Rights(env=("GRANTED", "NOT_SET"), fs=(str(guests.folder),))

    assert guests.transform(path, ROWS, rights=rights).equals(ROWS)


def test_a_folder_that_was_granted_and_is_missing_is_told(guests: Guests) -> None:
    with pytest.raises(PluginError, match="plugin guest: instantiate: was granted the folder /no/such, which is not"):
        guests.transform(core("(local.get $rows)"), ROWS, rights=Rights(fs=("/no/such",)))


OPENS = """
  (import "wasi_snapshot_preview1" "path_open"
    (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "lumos" "log" (func $log (param i32 i32 i32)))"""
TELLS_THE_FILE = """
  (if (call $open (i32.const 3) (i32.const 0) (i32.const 4096) (i32.const 8) (i32.const {how}) (i64.const {may})
      (i64.const 0) (i32.const 0) (i32.const 8192))
    (then (call $log (i32.const 3) (i32.const 5000) (i32.const 2)))
    (else
      (i32.store (i32.const 8200) (i32.const 9000)) (i32.store (i32.const 8204) (i32.const 100))
      (drop (call $read (i32.load (i32.const 8192)) (i32.const 8200) (i32.const 1) (i32.const 8208)))
      (call $log (i32.const 1) (i32.const 9000) (i32.load (i32.const 8208)))))
  (local.get $rows)"""
NAME = '(data (i32.const 4096) "word.txt") (data (i32.const 5000) "no")'
READ, WRITE, CREATE = 2, 64, 1


def test_a_core_module_reads_the_files_of_a_folder_that_was_granted(guests: Guests) -> None:
    (guests.folder / "word.txt").write_text("of the file")
    wat = core(TELLS_THE_FILE.format(how=0, may=READ), imports=OPENS, extra=NAME)

    guests.transform(wat, ROWS, rights=Rights(fs=(str(guests.folder),)))

    assert guests.lines == ["info: of the file"]


@pytest.mark.parametrize(("behind", "there"), [("", False), (":rw", True)])
def test_a_folder_is_changed_only_where_that_was_granted(guests: Guests, behind: str, there: bool) -> None:
    wat = core(TELLS_THE_FILE.format(how=CREATE, may=READ | WRITE), imports=OPENS, extra=NAME)

    guests.transform(wat, ROWS, rights=Rights(fs=(f"{guests.folder}{behind}",)))

    assert (guests.folder / "word.txt").exists() is there
    assert (guests.lines == ["error: no"]) is not there


def printer(guests: Guests, times: int) -> Path:
    return component(
        guests,
        "import wasi:cli/stderr@0.2.0; import wasi:io/streams@0.2.0;",
        """(import "wasi:cli/stderr@0.2.0" "get-stderr" (func $stderr (result i32)))
        (import "wasi:io/streams@0.2.0" "[method]output-stream.blocking-write-and-flush"
          (func $write (param i32 i32 i32 i32)))""",
        f"""(local $to i32) (local $n i32) (local.set $to (call $stderr))
        (loop $again
          (call $write (local.get $to) (i32.const 3000) (i32.const 5) (i32.const 4000))
          (local.set $n (i32.add (local.get $n) (i32.const 1)))
          (br_if $again (i32.ne (local.get $n) (i32.const {times}))))) (data (i32.const 3000) "oops\\n\"""",
    )


def test_what_is_printed_becomes_log(guests: Guests) -> None:
    guests.transform(printer(guests, 2), ROWS)

    assert guests.lines == ["oops", "oops"]


def test_a_flood_of_prints_ends_the_guest(guests: Guests) -> None:
    with pytest.raises(PluginError, match="plugin guest: init: floods the log: more than its limit of 50 lines"):
        guests.transform(printer(guests, -1), ROWS, log_lines=50, timeout_seconds=30)


def test_wasi_that_reaches_out_is_refused(guests: Guests) -> None:
    path = component(
        guests,
        "import wasi:http/outgoing-handler@0.2.0;",
        '(import "wasi:http/outgoing-handler@0.2.0" "handle" (func))',
        "",
    )

    with pytest.raises(PluginError, match=r"imports what no guest is given: wasi:http/outgoing-handler@0\.2\.0"):
        guests.transform(path, ROWS)

"""Guests that mean harm, or are broken: each ends in one clear error, and the host goes on."""

import threading
import time

import pyarrow as pa
import pytest

from lumos_dagster.errors import Interrupted, PluginError
from lumos_dagster.plugins.guest import Limits
from lumos_dagster.plugins.wasm import WasmDriver
from lumos_dagster_tests.plugins.wasm.guests import Guests, core, says

ROWS = pa.table({"id": [1, 2]})
ECHO = core("(local.get $rows)")
LOG = '(import "lumos" "log" (func $log (param i32 i32 i32)))'


def wasi(name: str, parameters: str, result: str = "(result i32)") -> str:
    return f'(import "wasi_snapshot_preview1" "{name}" (func ${name} (param {parameters}) {result}))'


SLEEP = """
  (i64.store (i32.const 8192) (i64.const 7)) (i32.store8 (i32.const 8200) (i32.const 0))
  (i64.store (i32.const 8216) (i64.const 3600000000000))
  (drop (call $poll_oneoff (i32.const 8192) (i32.const 8300) (i32.const 1) (i32.const 8400))) (local.get $rows)"""
OPEN = """(drop (call $path_open (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 0) (i64.const 0)
  (i64.const 0) (i32.const 0) (i32.const 0))) (local.get $rows)"""

HARM = {
    "loops": (core("(loop $l (br $l)) (unreachable)"), "ran longer than its limit of 1 s"),
    "loops over host calls": (
        core("(loop $l (drop (call $sched_yield)) (br $l)) (unreachable)", imports=wasi("sched_yield", "")),
        "ran longer than its limit of 1 s",
    ),
    "allocates without end": (
        core("(loop $l (br_if $l (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) (unreachable)"),
        r"has 15 of the 16 MiB of memory it is allowed: .*unreachable",
    ),
    "traps": (core("(unreachable)"), "unreachable"),
    "divides by zero": (core("(i64.div_u (i64.const 1) (i64.const 0))"), "integer divide by zero"),
    "sleeps": (core(SLEEP, imports=wasi("poll_oneoff", "i32 i32 i32 i32")), "ran longer than its limit of 1 s"),
    "recurses": (
        core("(call $again)", extra="(func $again (result i64) (i64.add (call $again) (i64.const 1)))"),
        "recurses too deep: .*stack exhausted",
    ),
    "gives malformed JSON": (core(says('[{"a":')), "gave malformed JSON: .*char 6"),
    "gives JSON nested without end": (core(says("[" * 4000)), "gave malformed JSON: .*recursion"),
    "gives no array": (core(says("7")), "gave a JSON int where an array of rows was expected"),
    "gives no rows": (core(says("[[1]]")), r"gave '\[1\]' as row 1, where a JSON object was expected"),
    "gives bad UTF-8": (core(says(b'[{"a":"\xff"}]')), "gave bad UTF-8: byte 7 is 0xff"),
    "gives half a surrogate": (core(says('[{"a":"\\ud800"}]')), "column 'a'.*ud800.* is no string"),
    "gives a name of half a surrogate": (
        core(says('[{"\\ud800":1}]')),
        r"gave \[.*ud800.*\] as names of columns in row 1: they are no text",
    ),
    "gives a malformed Arrow stream": (core(says(b"\xff\xff\xff\xff\x10\0\0\0abcd")), "gave a malformed Arrow stream"),
    "gives a pointer out of bounds": (
        core(f"(i64.const {0x7FFFFFFF << 32 | 10})"),
        "gave a bad pointer: 10 bytes at 2147483647 lie outside its memory",
    ),
    "gives a length out of bounds": (core("(i64.const 0xffffffff)"), "gave a bad pointer: 4294967295 bytes at 0"),
    "allocates out of bounds": (
        core("(local.get $rows)").replace("(local.get $at))", "(i32.const -8))"),
        "gave a bad pointer: .* bytes at 4294967288",
    ),
    "reads beyond its memory": (core("(i64.load (i32.const -8))"), "reaches beyond its memory: .*out of bounds"),
    "floods the log": (
        core("(loop $l (call $log (i32.const 1) (i32.const 16) (i32.const 4)) (br $l)) (unreachable)", imports=LOG),
        "floods the log: more than its limit of 50 lines",
    ),
    "floods the log with one message": (
        core(
            "(memory.fill (i32.const 32768) (i32.const 10) (i32.const 1000))"
            "(call $log (i32.const 1) (i32.const 32768) (i32.const 1000)) (local.get $rows)",
            imports=LOG,
        ),
        "floods the log",
    ),
    "opens a file": (
        core(OPEN, imports=wasi("path_open", "i32 i32 i32 i32 i32 i64 i64 i32 i32")),
        "calls path_open, but a guest has no right to files by way of WASI",
    ),
    "opens a socket": (
        core(
            "(drop (call $sock_accept (i32.const 3) (i32.const 0) (i32.const 0))) (local.get $rows)",
            imports=wasi("sock_accept", "i32 i32 i32"),
        ),
        "calls sock_accept, but a guest has no right to the network by way of WASI",
    ),
    "exits": (
        core("(call $proc_exit (i32.const 3)) (unreachable)", imports=wasi("proc_exit", "i32", "")),
        "ended itself with exit code 3",
    ),
    "aborts": (
        core(
            "(call $abort (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)) (unreachable)",
            imports='(import "env" "abort" (func $abort (param i32 i32 i32 i32)))',
        ),
        "aborted: without a reason",
    ),
}


@pytest.mark.parametrize("harm", HARM)
def test_it_ends_in_one_clear_error_and_the_host_goes_on(guests: Guests, harm: str) -> None:
    wat, said = HARM[harm]

    with pytest.raises(
        Exception, match=f"(?s)^plugin guest: transform: {said}|^plugin guest: transform: .*{said}"
    ) as caught:
        guests.transform(wat, ROWS, timeout_seconds=1, memory_mb=16, log_lines=50)

    assert type(caught.value).__module__ == "lumos_dagster.errors"
    assert "\n" not in str(caught.value)
    assert guests.transform(ECHO, ROWS).equals(ROWS)


def test_a_module_that_loops_when_it_starts_is_stopped(guests: Guests) -> None:
    wat = core("(local.get $rows)", extra="(func $spin (loop $l (br $l))) (start $spin)")

    with pytest.raises(PluginError, match=r"plugin guest: instantiate: ran longer than its limit of 1 s"):
        guests.transform(wat, ROWS, timeout_seconds=1)


def test_a_module_that_wants_more_memory_than_it_may_have_is_refused(guests: Guests) -> None:
    with pytest.raises(PluginError, match=r"plugin guest: instantiate: .*memory minimum size"):
        guests.transform(
            ECHO.replace('(memory (export "memory") 2)', '(memory (export "memory") 1000)'), ROWS, memory_mb=16
        )


@pytest.mark.parametrize("harm", ["loops", "sleeps"])
def test_a_cancelled_run_stops_the_guest_at_once(guests: Guests, harm: str) -> None:
    timer = threading.Timer(0.2, guests.cancellation.cancel, [Interrupted("the run was told to end")])
    timer.start()
    started = time.monotonic()

    with pytest.raises(Interrupted, match="told to end"):
        guests.transform(HARM[harm][0], ROWS, timeout_seconds=60)

    timer.join()
    assert time.monotonic() - started < 10
    for thread in threading.enumerate():
        if thread.name == "plugin guest":
            thread.join(10)
            assert not thread.is_alive()


def test_one_guest_that_is_stopped_does_not_stop_another(guests: Guests) -> None:
    path = guests.binary(ECHO, "well")
    with guests.guest(path) as well:
        with pytest.raises(PluginError, match="ran longer"):
            guests.transform(HARM["loops"][0], ROWS, timeout_seconds=1)

        with well.transform("{}", ROWS.to_reader()) as rows:
            assert rows.read_all().equals(ROWS)


def test_a_guest_that_failed_is_not_called_again(guests: Guests) -> None:
    with guests.guest(HARM["traps"][0]) as guest:
        for said in ("unreachable", "cannot be called any more"):
            with pytest.raises(PluginError, match=said), guest.transform("{}", ROWS.to_reader()):
                pass


def test_a_metadata_call_that_never_ends_is_stopped(guests: Guests, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lumos_dagster.plugins.wasm._WHILE_ASKED", Limits(timeout_seconds=1))
    wat = '(module (memory (export "memory") 1) (func (export "get_metadata") (result i64) (loop $l (br $l)) (unreachable)))'

    with pytest.raises(PluginError, match="plugin guest: get_metadata: ran longer than its limit"):
        WasmDriver().describe(guests.binary(wat))


def test_log_lines_reach_the_run(guests: Guests) -> None:
    wat = core("(call $log (i32.const 2) (i32.const 18) (i32.const 4)) (local.get $rows)", imports=LOG)

    guests.transform(wat, ROWS)

    assert guests.lines == ["warn: name"]

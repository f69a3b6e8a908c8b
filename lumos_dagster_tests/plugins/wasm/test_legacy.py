"""Core modules by the original's convention: texts only, each behind its length."""

import json

import pyarrow as pa
import pytest

from lumos_dagster.errors import ConfigError, PluginError, TerminalError
from lumos_dagster.plugins.wasm import WasmDriver
from lumos_dagster_tests.plugins.wasm.guests import Guests, framed, legacy

ROWS = pa.table({"id": [7, 8], "name": ["a", None]})
ALLOC = """
  (global $top (mut i32) (i32.const 16384))
  (func (export "alloc") (param $size i32) (result i32) (local $at i32)
    (local.set $at (global.get $top)) (global.set $top (i32.add (global.get $top) (local.get $size))) (local.get $at))
  (func (export "dealloc") (param i32 i32))"""
ECHO = '(func (export "transform") (param i32) (result i32) (local.get 0))'
PRINT = '(import "wasi_snapshot_preview1" "fd_write" (func $print (param i32 i32 i32 i32) (result i32)))'


def gives(function: str, parameters: str, text: str) -> str:
    return f'(func (export "{function}") (param {parameters}) (result i32) (i32.const 4096)) (data (i32.const 4096) {framed(text)})'


@pytest.mark.parametrize("allocator", ["", ALLOC])
def test_rows_come_back_as_they_went(guests: Guests, allocator: str) -> None:
    assert guests.transform(legacy(ECHO + allocator), ROWS).equals(ROWS)


BUMPS = """
  (func (export "transform") (param $from i32) (result i32)
    (memory.fill (i32.const 8192) (i32.const 0) {size})
    (memory.copy (i32.const 8192) (local.get $from) (i32.add (i32.load (local.get $from)) (i32.const 4)))
    (i32.const 8192))"""
"""An allocator that takes whatever lies behind its own for free, so many bytes of it."""


def test_an_allocator_that_takes_the_next_bytes_for_its_own_has_room_for_some(guests: Guests) -> None:
    assert guests.transform(legacy(BUMPS.format(size="(i32.const 1000000)")), ROWS).equals(ROWS)


def test_a_guest_that_writes_over_its_argument_is_told_and_not_believed(guests: Guests) -> None:
    all_of_it = "(i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 8192))"

    with pytest.raises(PluginError, match=r"transform: wrote over its argument.*let it export alloc"):
        guests.transform(legacy(BUMPS.format(size=all_of_it)), ROWS)


def test_a_memory_that_cannot_grow_needs_an_allocator(guests: Guests) -> None:
    wat = legacy(ECHO).replace('(memory (export "memory") 1)', '(memory (export "memory") 1 1)')

    with pytest.raises(PluginError, match="its memory cannot grow"):
        guests.transform(wat, ROWS)


def test_many_rows_fit_without_an_allocator(guests: Guests) -> None:
    rows = pa.table({"text": [f"{number:0200}" for number in range(25_000)]})

    assert guests.transform(legacy(ECHO), rows).equals(rows)


@pytest.mark.parametrize("first", [[None, None], [None, "a"]])
def test_a_column_whose_first_values_are_null_keeps_them(guests: Guests, first: list[str | None]) -> None:
    rows = pa.table({"id": [1, 2, 3, 4], "name": [*first, "b", None]})

    assert guests.transform(legacy(ECHO), rows, batch=2).equals(rows)


def test_an_extractor_gives_its_records(guests: Guests) -> None:
    records = [{"id": "pg_1", "source": "s", "timestamp": "2025-03-30T00:00:00Z", "fields": {"name": "n"}}]

    rows = guests.extract(legacy(gives("extract", "i32", json.dumps(records))))

    assert rows.to_pylist() == [{"id": "pg_1", "source": "s", "timestamp": "2025-03-30T00:00:00Z", "name": "n"}]


def test_options_are_wrapped_and_are_texts(guests: Guests) -> None:
    wat = legacy('(func (export "load") (param i32 i32) (result i32) (local.get 1))')

    with pytest.raises(PluginError, match=r"load: gave \{'options': \{'port': '1', 'safe': 'true'\}\} where"):
        guests.load(wat, ROWS, {"port": 1, "safe": True, "nothing": None})


def test_a_loader_tells_how_many_rows_it_took(guests: Guests) -> None:
    assert guests.load(legacy(gives("load", "i32 i32", '{"Success": 2}')), ROWS) == 2


def test_a_loader_tells_what_went_wrong(guests: Guests) -> None:
    with pytest.raises(TerminalError, match="plugin guest: load: no such table"):
        guests.load(legacy(gives("load", "i32 i32", '{"Error": "no such table"}')), ROWS)


def test_a_failure_without_a_reason_points_to_the_log(guests: Guests) -> None:
    write = """(func (export "extract") (param i32) (result i32)
      (i32.store (i32.const 8) (i32.const 4096)) (i32.store (i32.const 12) (i32.const 5))
      (drop (call $print (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 8192))) (i32.const -1))
      (data (i32.const 4096) "oops\\n")"""

    with pytest.raises(TerminalError, match="extract: reports a failure; its log lines may say which"):
        guests.extract(legacy(write, imports=PRINT))
    assert guests.lines == ["oops"]


def test_a_transformer_without_a_way_for_options_refuses_them(guests: Guests) -> None:
    with pytest.raises(ConfigError, match="takes no options"):
        guests.transform(legacy(ECHO), ROWS, {"field": "x"})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[{"id": "1"}]', "as record 1, where one with fields was expected"),
        ('{"a": 1}', "gave a dict where an array of records was expected"),
        ("[", "gave malformed JSON"),
    ],
)
def test_malformed_records_are_told(guests: Guests, text: str, said: str) -> None:
    with pytest.raises(PluginError, match=f"plugin guest: transform: .*{said}"):
        guests.transform(legacy(gives("transform", "i32", text)), ROWS)


def test_what_a_guest_says_of_itself(guests: Guests) -> None:
    found = WasmDriver().describe(guests.binary(legacy(ECHO, {"name": "postgresql", "plugin_type": "all"})))

    assert (found.name, found.abi, found.kinds) == ("postgresql", "lumos-legacy", ("transformer",))


def test_a_guest_may_export_its_memory_late_and_grow_it(guests: Guests) -> None:
    inner = """
      (global $top (mut i32) (i32.const 70000))
      (func $room (param $n i32) (result i32) (local $at i32)
        (local.set $at (global.get $top)) (global.set $top (i32.add (local.get $at) (local.get $n)))
        (if (i32.gt_u (global.get $top) (i32.mul (memory.size) (i32.const 65536))) (then
          (drop (memory.grow (i32.add (i32.const 1) (i32.div_u (local.get $n) (i32.const 65536)))))))
        (local.get $at))
      (export "alloc" (func $room)) (export "memory" (memory 0))"""
    wat = legacy(ECHO + inner).replace('(memory (export "memory") 1)', "(memory 3)")
    rows = pa.table({"text": [f"{number:0100}" for number in range(5_000)]})

    assert guests.transform(wat, rows).equals(rows)


def test_a_guest_may_give_no_rows_at_all(guests: Guests) -> None:
    assert guests.transform(legacy(gives("transform", "i32", "[]")), ROWS).num_rows == 0

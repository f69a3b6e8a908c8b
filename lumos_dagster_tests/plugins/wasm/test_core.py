"""Core modules of ABI lumos-core/1."""

import json

import pyarrow as pa
import pytest

from lumos_dagster.errors import ConfigError, DataError, PluginError, TerminalError, TransientError
from lumos_dagster.plugins.wasm import WasmDriver
from lumos_dagster_tests.plugins.wasm.guests import Guests, core, says

ROWS = pa.table({"id": [1, 2], "name": ["a", None]})
ECHO = "(local.get $rows)"


def test_rows_of_json_come_back_as_they_went(guests: Guests) -> None:
    assert guests.transform(core(ECHO), ROWS).equals(ROWS)


def test_rows_of_arrow_come_back_as_they_went(guests: Guests) -> None:
    rows = ROWS.append_column("d", pa.array([1, None], pa.decimal128(38, 3)))

    assert guests.transform(core(ECHO, {"encoding": "arrow"}), rows).equals(rows)


def test_options_reach_the_guest(guests: Guests) -> None:
    rows = guests.extract(core("(local.get $options)", kinds=["extract"]), [{"a": 1}])

    assert rows.to_pylist() == [{"a": 1}]


@pytest.mark.parametrize("encoding", ["json", "arrow"])
def test_no_rows_keep_their_columns(guests: Guests, encoding: str) -> None:
    assert guests.transform(core(ECHO, {"encoding": encoding}), ROWS.slice(0, 0)).schema == ROWS.schema


def test_a_new_column_gets_the_type_of_its_values(guests: Guests) -> None:
    new = [{"id": 1, "name": "x", "i": 5, "f": 1.5, "b": True, "t": "2026-01-01", "l": [1], "o": {"k": "v"}, "m": 1}]
    new.append({**new[0], "m": "one"})

    rows = guests.transform(core(says(json.dumps(new))), ROWS)

    assert rows.to_pylist() == [{**new[0], "m": "1"}, new[1]]
    assert rows.schema.field("t").type == pa.string()


@pytest.mark.parametrize(
    ("answer", "error", "said"),
    [
        ({"error": {"kind": "config", "message": "field is missing"}}, ConfigError, "field is missing"),
        ({"error": {"kind": "transient", "message": "try later"}}, TransientError, "try later"),
        ({"error": {"kind": "data", "message": "bad row"}}, DataError, "bad row"),
        ({"error": {"kind": "fatal", "message": "no table"}}, TerminalError, "no table"),
        ({"error": "transient: try later"}, TransientError, "transform: try later"),
        ({"error": "whatever"}, TerminalError, "whatever"),
    ],
)
def test_what_the_guest_reports_keeps_its_class(
    guests: Guests, answer: dict[str, object], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=f"plugin guest: transform: .*{said}|{said}"):
        guests.transform(core(says(json.dumps(answer))), ROWS)


def test_an_extractor_may_give_its_rows_in_several_calls(guests: Guests) -> None:
    more = f"""
      (global $calls (mut i32) (i32.const 0))
      (func (export "next") (result i64)
        (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
        (if (result i64) (i32.le_u (global.get $calls) (i32.const 2))
          (then (i64.const {4096 << 32 | 9})) (else (i64.const 0))))"""
    wat = core(says('[{"a":1}]'), kinds=["extract"], extra=more)

    assert guests.extract(wat).to_pylist() == [{"a": 1}] * 3


def test_a_loader_tells_how_many_rows_it_took(guests: Guests) -> None:
    assert guests.load(core(says("2"), kinds=["load"]), ROWS) == 2
    assert guests.load(core(says('{"rows": 2}'), kinds=["load"]), ROWS) == 2


def test_a_loader_that_takes_fewer_rows_fails(guests: Guests) -> None:
    with pytest.raises(PluginError, match="plugin guest: load: says that it has loaded 1 of 2 rows"):
        guests.load(core(says("1"), kinds=["load"]), ROWS)


def test_a_later_batch_that_does_not_fit_is_told(guests: Guests) -> None:
    rows = pa.Table.from_batches([pa.record_batch({"a": pa.array(["[1]"])}), pa.record_batch({"a": pa.array(["x"])})])

    with pytest.raises(DataError, match="column 'b': 'x' is no int64, which the first rows made of this column"):
        guests.transform(core(_first_then('[{"b":1}]', '[{"b":"x"}]')), rows)


def _first_then(first: str, then: str) -> str:
    """A body that gives the one text at its first call, the other at all later ones."""
    return f"""
      (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
      (if (result i64) (i32.eq (global.get $calls) (i32.const 1))
        (then (i64.const {4096 << 32 | len(first)})) (else (i64.const {8192 << 32 | len(then)}))))
      (global $calls (mut i32) (i32.const 0))
      (data (i32.const 4096) {json.dumps(first)}) (data (i32.const 8192) {json.dumps(then)}"""


def test_what_a_guest_says_of_itself(guests: Guests) -> None:
    schema = {"type": "object", "properties": {"field": {"type": "string"}}}
    said = {"name": "n", "version": "1.2", "author": "me", "license": "MIT", "description": "d", "options": schema}

    found = WasmDriver().describe(guests.binary(core(ECHO, said, kinds=["transform", "load"])))

    assert (found.name, found.version, found.abi, found.kinds) == (
        "n",
        "1.2",
        "lumos-core/1",
        ("transformer", "loader"),
    )
    assert found.options == {"": schema}


def test_imports_that_are_not_listed_are_refused_at_once(guests: Guests) -> None:
    imports = '(import "env" "system" (func (param i32) (result i32))) (import "wasi_snapshot_preview2" "x" (func))'

    with pytest.raises(PluginError, match=r"imports what no guest is given: env\.system, wasi_snapshot_preview2\.x"):
        WasmDriver().describe(guests.binary(core(ECHO, imports=imports)))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"MZ", "is no WebAssembly module or component"),
        (b"\0asm\1\0\0\0\xff\xff", "is not valid"),
        (b"\0asm\1\0\0\0", "is of no known ABI: it exports no function"),
    ],
)
def test_what_is_no_plugin_is_told(guests: Guests, content: bytes, said: str) -> None:
    path = guests.folder / "odd.wasm"
    path.write_bytes(content)

    with pytest.raises(PluginError, match=f"plugin odd: .*{said}"):
        WasmDriver().describe(path)

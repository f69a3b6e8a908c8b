"""Components of both versions, made by wasm-tools out of the WIT that is shipped, and of spellings near it."""

from pathlib import Path

import pyarrow as pa
import pytest

from lumos_dagster.errors import ConfigError, DataError, PluginError, TerminalError, TransientError
from lumos_dagster.plugins.wasm import WasmDriver
from lumos_dagster_tests.plugins.wasm.components import WIT, build, version1, version2
from lumos_dagster_tests.plugins.wasm.guests import Guests, data

ROWS = pa.table({"id": [1, 2], "name": ["a", None], "at": pa.array([0, None], pa.timestamp("us", "UTC"))})
ECHO_RECORDS = """(func (export "lumos:plugin/transformer@1.0.0#transform") (param i32 i32) (result i32)
  (call $pair (local.get 0) (local.get 1)))"""
OPEN = "(param i32 i32) (result i32) (i32.store (i32.const 8) (i32.const 0)) (i32.const 8)"
ECHO = {"open": OPEN, "apply": "(param i32 i32) (result i32) (call $ok (local.get 0) (local.get 1))", "close": ""}


def transformer1(guests: Guests, wat: str = "", wit: Path = WIT / "v1", world: str = "transformer-plugin") -> Path:
    return build(wat or version1(ECHO_RECORDS), wit, world, guests.folder)


def wit_with(guests: Guests, *changes: tuple[str, str]) -> Path:
    """The WIT of version 1, changed."""
    text = (WIT / "v1" / "lumos-plugin.wit").read_text("utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    folder = guests.folder / "wit"
    folder.mkdir()
    (folder / "plugin.wit").write_text(text)
    return folder


def test_rows_of_version_1_come_back_as_they_went(guests: Guests) -> None:
    path = transformer1(guests)

    assert guests.transform(path, ROWS).equals(ROWS)
    assert guests.transform(path, ROWS.slice(0, 0)).equals(ROWS.slice(0, 0))
    assert WasmDriver().describe(path).abi == "lumos:plugin@1"


@pytest.mark.parametrize("version", ["", "@1.0.1", "@1.7.0"])
def test_version_1_is_known_without_a_version_and_by_its_later_ones(guests: Guests, version: str) -> None:
    wit = wit_with(guests, ("lumos:plugin@1.0.0;", f"lumos:plugin{version};"))

    path = transformer1(guests, version1(ECHO_RECORDS).replace("@1.0.0", version), wit)

    assert guests.transform(path, ROWS).equals(ROWS)


@pytest.mark.parametrize("inline", [False, True])
def test_log_lines_of_version_1_reach_the_run(guests: Guests, inline: bool) -> None:
    wit, name = WIT / "v1", "lumos:plugin/logging@1.0.0"
    if inline:
        whole = "interface {\n debug: func(message: string); info: func(message: string);\n"
        whole += " warn: func(message: string); error: func(message: string);\n }"
        wit, name = wit_with(guests, ("import logging;", f"import logging: {whole}")), "logging"
    imports = f'(import "{name}" "warn" (func $warn (param i32 i32)))'
    wat = version1(ECHO_RECORDS, init="(call $warn (i32.const 1024) (i32.const 5))", imports=imports)

    guests.transform(transformer1(guests, wat, wit), ROWS)

    assert guests.lines == ["warn: guest"]


def test_what_an_extractor_of_version_1_reports_keeps_its_class(guests: Guests) -> None:
    text = "transient: no answer"
    fails = f"""(func (export "lumos:plugin/extractor@1.0.0#extract") (param i32 i32) (result i32)
      (i32.store (i32.const 8) (i32.const 1)) (i32.store (i32.const 12) (i32.const 3000))
      (i32.store (i32.const 16) (i32.const {len(text)})) (i32.const 8)) (data (i32.const 3000) "{text}")"""
    path = transformer1(guests, version1(fails), world="extractor-plugin")

    with pytest.raises(TransientError, match=r"plugin guest: extract: no answer"):
        guests.extract(path)


def test_a_loader_of_version_1_tells_how_many_rows_it_took(guests: Guests) -> None:
    loads = """(func (export "lumos:plugin/loader@1.0.0#load") (param i32 i32 i32 i32) (result i32)
      (call $ok (local.get 1) (i32.const 0)))"""

    assert guests.load(transformer1(guests, version1(loads), world="loader-plugin"), ROWS) == 2


def test_a_loader_of_version_1_is_shut_down_after_its_load(guests: Guests) -> None:
    loads = """(func (export "lumos:plugin/loader@1.0.0#load") (param i32 i32 i32 i32) (result i32)
      (call $warn (i32.const 1024) (i32.const 3)) (call $ok (local.get 1) (i32.const 0)))"""
    wat = version1(loads, imports='(import "lumos:plugin/logging@1.0.0" "warn" (func $warn (param i32 i32)))').replace(
        '#shutdown")', '#shutdown") (call $warn (i32.const 1024) (i32.const 5))'
    )

    guests.load(transformer1(guests, wat, world="loader-plugin"), ROWS)

    assert guests.lines == ["warn: gue", "warn: guest"]


def test_a_transformer_of_version_1_takes_no_options(guests: Guests) -> None:
    with pytest.raises(ConfigError, match=r"plugin guest: .*takes no options"):
        guests.transform(transformer1(guests), ROWS, {"field": "name"})


def test_rows_of_version_2_come_back_as_they_went(guests: Guests) -> None:
    path = build(version2("transformer", ECHO), WIT / "v2", "transformer-plugin", guests.folder)
    found = WasmDriver().describe(path)

    assert (found.name, found.abi, found.kinds) == ("guest", "lumos:plugin@2", ("transformer",))
    assert guests.transform(path, ROWS).equals(ROWS)
    many = pa.table({"n": range(120_000)})
    assert guests.transform(path, many).equals(many)


@pytest.mark.parametrize(("tag", "error"), list(enumerate([ConfigError, TransientError, DataError, TerminalError])))
def test_what_version_2_reports_keeps_its_class(guests: Guests, tag: int, error: type[Exception]) -> None:
    fails = f"""(param i32 i32) (result i32) (i32.store (i32.const 8) (i32.const 1))
      (i32.store (i32.const 12) (i32.const {tag})) (i32.store (i32.const 16) (i32.const 3000))
      (i32.store (i32.const 20) (i32.const 4)) (i32.const 8)) (data (i32.const 3000) "oops\""""
    path = build(version2("transformer", {**ECHO, "open": fails}), WIT / "v2", "transformer-plugin", guests.folder)

    with pytest.raises(error, match=r"plugin guest: open: oops"):
        guests.transform(path, ROWS)


def test_an_extractor_of_version_2_is_asked_until_there_is_no_more(guests: Guests) -> None:
    rows = '[{"a":1}]'
    steps = {
        "open": OPEN,
        "next": f"""(param i32) (result i32)
          (global.set $n (i32.add (global.get $n) (i32.const 1)))
          (i32.store (i32.const 8) (i32.const 0)) (i32.store (i32.const 12) (i32.le_u (global.get $n) (i32.const 2)))
          (i32.store (i32.const 16) (i32.const 3000)) (i32.store (i32.const 20) (i32.const {len(rows)})) (i32.const 8))
          (global $n (mut i32) (i32.const 0)) (data (i32.const 3000) {data(rows)}""",
        "close": "",
    }
    path = build(version2("extractor", steps), WIT / "v2", "extractor-plugin", guests.folder)

    assert guests.extract(path).to_pylist() == [{"a": 1}, {"a": 1}]


def loader2(guests: Guests, taken: int) -> Path:
    log = '(import "lumos:plugin/logging@2.0.0" "log" (func $log (param i32 i32 i32)))'
    steps = {
        "open": OPEN,
        "write": f"""(param i32 i32) (result i32) (i32.store (i32.const 8) (i32.const 0))
          (i64.store (i32.const 16) (i64.const {taken})) (i32.const 8)""",
        "commit": """(result i32) (call $log (i32.const 1) (i32.const 3000) (i32.const 6))
          (i32.store (i32.const 8) (i32.const 0)) (i32.const 8)""",
        "abort": """(call $log (i32.const 2) (i32.const 3006) (i32.const 5))) (data (i32.const 3000) "commitabort\"""",
    }
    return build(version2("loader", steps, log), WIT / "v2", "loader-plugin", guests.folder)


def test_a_loader_of_version_2_commits_once_all_rows_are_written(guests: Guests) -> None:
    assert guests.load(loader2(guests, 2), ROWS) == 2
    assert guests.lines == ["info: commit"]


def test_a_loader_of_version_2_aborts_when_rows_are_missing(guests: Guests) -> None:
    with pytest.raises(PluginError, match=r"plugin guest: write: says that it has loaded 1 of 2 rows"):
        guests.load(loader2(guests, 1), ROWS)
    assert guests.lines == ["warn: abort"]


def test_a_loader_of_version_2_aborts_when_its_input_fails(guests: Guests) -> None:
    def broken() -> object:
        yield ROWS.to_batches()[0]
        raise DataError("the input has failed")

    path = loader2(guests, 2)
    with guests.guest(path) as guest, pytest.raises(DataError, match="the input has failed"):
        guest.load("{}", pa.RecordBatchReader.from_batches(ROWS.schema, broken()))
    assert guests.lines == ["warn: abort"]


def test_bad_utf8_of_a_component_is_told(guests: Guests) -> None:
    bad = {
        **ECHO,
        "apply": '(param i32 i32) (result i32) (call $ok (i32.const 3000) (i32.const 2))) (data (i32.const 3000) "\\ff\\fe"',
    }
    path = build(version2("transformer", bad), WIT / "v2", "transformer-plugin", guests.folder)

    with pytest.raises(PluginError, match=r"plugin guest: apply: .*utf-8"):
        guests.transform(path, ROWS)


def test_a_pointer_out_of_bounds_of_a_component_is_told(guests: Guests) -> None:
    bad = {**ECHO, "apply": "(param i32 i32) (result i32) (call $ok (i32.const -16) (i32.const 99))"}
    path = build(version2("transformer", bad), WIT / "v2", "transformer-plugin", guests.folder)

    with pytest.raises(PluginError, match=r"plugin guest: apply: .*out of bounds"):
        guests.transform(path, ROWS)


def test_imports_that_are_not_listed_are_refused_at_once(guests: Guests) -> None:
    wit = wit_with(
        guests,
        ("world transformer-plugin {", "interface disk { wipe: func(); } world transformer-plugin { import disk;"),
    )
    imports = '(import "lumos:plugin/disk@1.0.0" "wipe" (func))'

    with pytest.raises(PluginError, match=r"plugin guest: .*imports what no guest is given: lumos:plugin/disk@1\.0\.0"):
        WasmDriver().describe(transformer1(guests, version1(ECHO_RECORDS, imports=imports), wit))


def test_a_later_major_version_is_refused(guests: Guests) -> None:
    wit = wit_with(guests, ("lumos:plugin@1.0.0;", "lumos:plugin@3.0.0;"))

    with pytest.raises(
        PluginError, match=r"is of no known ABI: it exports .*lumos:plugin/transformer@3\.0\.0.*; known"
    ):
        WasmDriver().describe(transformer1(guests, version1(ECHO_RECORDS).replace("@1.0.0", "@3.0.0"), wit))


def test_a_component_without_the_interface_plugin_has_the_name_of_its_file(guests: Guests) -> None:
    wit = wit_with(guests, ("import logging;\n    export plugin;\n    export transformer;", "export transformer;"))

    path = transformer1(
        guests,
        f"(module {version1(ECHO_RECORDS)[8:]}".split('(func (export "lumos:plugin/plugin')[0] + ECHO_RECORDS + ")",
        wit,
    )

    assert WasmDriver().describe(path).name == "guest"
    assert guests.transform(path, ROWS).equals(ROWS)


def test_a_failing_commit_of_version_2_is_told(guests: Guests) -> None:
    fails = {
        "open": OPEN,
        "write": """(param i32 i32) (result i32) (i32.store (i32.const 8) (i32.const 0))
          (i64.store (i32.const 16) (i64.const 2)) (i32.const 8)""",
        "commit": """(result i32) (i32.store (i32.const 8) (i32.const 1)) (i32.store (i32.const 12) (i32.const 3))
          (i32.store (i32.const 16) (i32.const 1024)) (i32.store (i32.const 20) (i32.const 5)) (i32.const 8)""",
        "abort": "",
    }

    with pytest.raises(TerminalError, match=r"plugin guest: commit: guest"):
        guests.load(build(version2("loader", fails), WIT / "v2", "loader-plugin", guests.folder), ROWS)

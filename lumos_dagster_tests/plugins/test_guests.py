"""Components over a guest: its rows, its options, its errors, within what it was granted and the job has left."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import wasmtime

from lumos_dagster.accounting import Book
from lumos_dagster.catalog import Catalog, project_catalog
from lumos_dagster.combination import Combination
from lumos_dagster.errors import ConfigError, PluginError
from lumos_dagster.interface import Deferred, Extraction, Loader
from lumos_dagster.plugins.component import use_of
from lumos_dagster.plugins.guest import Rights
from lumos_dagster.plugins.store import install
from lumos_dagster.relation import Relation
from lumos_dagster.values import RunContext
from lumos_dagster_tests.plugins.wasm.guests import core, legacy, says

Put = Callable[..., Catalog]
ROWS = pa.table({"id": [1, 2], "name": ["a", None]})
ECHO = "(local.get $rows)"
OPTIONS = """
  (local $at i32) (local $length i32)
  (local.set $at (i32.sub (i32.wrap_i64 (i64.shr_u (local.get $options) (i64.const 32))) (i32.const 1)))
  (local.set $length (i32.wrap_i64 (local.get $options)))
  (i32.store8 (local.get $at) (i32.const 91))
  (i32.store8 (i32.add (i32.add (local.get $at) (local.get $length)) (i32.const 1)) (i32.const 93))
  (i64.or (i64.shl (i64.extend_i32_u (local.get $at)) (i64.const 32))
          (i64.extend_i32_u (i32.add (local.get $length) (i32.const 2))))
"""
"""Gives its own options, put in brackets, as a list of one row."""
LOG = '(import "lumos" "log" (func $log (param i32 i32 i32)))'
TALKS = "(call $log (i32.const 1) (i32.const 16) (i32.const 4)) (local.get $rows)"
SCHEMA = {
    "properties": {
        "field": {"type": "string"},
        "digits": {"type": "integer", "default": 7},
        "token": {"type": "string", "writeOnly": True},
    }
}


@pytest.fixture
def put(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Put:
    """Install a guest by its text, its manifest's other lines and what it is granted."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def installed(wat: str, more: str = "", granted: Rights = Rights(), name: str = "guest") -> Catalog:  # noqa: B008
        home = tmp_path / "sources" / name
        home.mkdir(parents=True, exist_ok=True)
        (home / "guest.wasm").write_bytes(wasmtime.wat2wasm(wat))
        (home / "plugin.toml").write_text(f'name = "{name}"\ndriver = "wasm"\nentry = "guest.wasm"\n{more}\n')
        install(home, granted, folder)
        return project_catalog()

    return installed


def extracted(catalog: Catalog, options: dict[str, Any], book: Book) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (
        Relation(Extraction(Deferred("read", catalog.extractors["guest"], options, book.run))).to_table().to_pylist()
    )
    return found


def test_rows_go_through_a_transformer_and_are_counted(put: Put, book: Book) -> None:
    assert changed(put(core(ECHO)), book).equals(ROWS)

    count = book.tasks["echo"].count
    assert (count.rows_in, count.rows_out) == (2, 2)


def test_options_reach_the_guest_with_their_defaults_and_nothing_else(put: Put, book: Book) -> None:
    catalog = put(core(OPTIONS, {"options": SCHEMA}, kinds=["extract"]))

    assert extracted(catalog, {"field": "${JOB}"}, book) == [{"field": "job", "digits": 7}]


def test_a_secret_reaches_only_a_guest_that_may_see_it(put: Put, book: Book) -> None:
    wat = core(OPTIONS, {"options": SCHEMA}, kinds=["extract"])
    with pytest.raises(ConfigError) as raised:
        extracted(put(wat), {"token": "sesame"}, book)
    assert "jobs.read.options.token: the plugin guest was not granted to see this secret" in str(raised.value)
    assert "sesame" not in str(raised.value)

    catalog = put(wat, '[grants]\nsecrets = "token"', Rights(secrets=("token",)))
    assert extracted(catalog, {"token": "sesame"}, book) == [{"digits": 7, "token": "sesame"}]


def test_a_loader_is_told_which_load_it_is(put: Put, book: Book) -> None:
    catalog = put(core("(local.get $options)", kinds=["load"]))

    with pytest.raises(PluginError, match=r"'lumos': \{'load': 'run-1', 'job': 'job', 'op': 'write'\}"):
        written(catalog, book)


def test_a_legacy_loader_is_told_nothing_but_its_options(put: Put) -> None:
    catalog = put(legacy('(func (export "load") (param i32 i32) (result i32) (i32.const 16))'))

    assert use_of(catalog.loaders["guest"]).plugin.manifest.abi == "lumos-legacy"  # type: ignore[union-attr]


@pytest.mark.parametrize("answer", ["1", "3"])
def test_a_loader_that_counts_otherwise_than_we_do_is_refused(put: Put, book: Book, answer: str) -> None:
    catalog = put(core(says(answer), kinds=["load"]))

    with pytest.raises(PluginError, match=f"has loaded {answer} of 2 rows"):
        written(catalog, book)


def test_a_load_is_counted_and_its_rows_travel_on(put: Put, book: Book) -> None:
    catalog = put(core(says("2"), kinds=["load"]))
    accepted: list[pa.RecordBatch] = []

    assert written(catalog, book, accepted) == 2
    assert pa.Table.from_batches(accepted).equals(ROWS)


@pytest.mark.parametrize(("more", "atomic"), [("", False), ("atomic = true", True)])
def test_a_loader_is_all_or_nothing_only_where_its_manifest_says_so(put: Put, more: str, atomic: bool) -> None:
    assert put(core(says("2"), kinds=["load"]), more).loaders["guest"]().atomic is atomic


def test_log_lines_are_the_runs(put: Put, run: RunContext) -> None:
    lines: list[str] = []
    book = Book(run, log=lines.append)
    changed(put(core(TALKS, imports=LOG)), book)

    assert lines == ['info: {"na']


def test_a_file_changed_after_installing_is_refused_when_the_op_runs(put: Put, folder: Path, book: Book) -> None:
    catalog = put(core(ECHO))
    (folder / "guest" / "guest.wasm").write_bytes(wasmtime.wat2wasm(core(says("[]"))))

    with pytest.raises(PluginError, match=r"plugin guest: load: .*guest\.wasm is not what was installed"):
        changed(catalog, book)


def written(catalog: Catalog, book: Book, accepted: list[pa.RecordBatch] | None = None) -> int:
    with book.task("write") as task:
        if accepted is not None:
            task.accept = accepted.append
        loader = Deferred[Loader]("write", catalog.loaders["guest"], {}, book.run).build()
        return loader.write(ROWS.to_reader(), task).inserted


def changed(catalog: Catalog, book: Book) -> pa.Table:
    guest = catalog.transformers["guest"]
    source = Combination(Deferred("echo", guest, {}, book.run), (("input", Relation.of(ROWS)),))  # type: ignore[arg-type]
    with Relation(source).open(book) as rows:
        return rows.read_all()

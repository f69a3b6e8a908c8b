"""The example plugins in WebAssembly: as they are shipped, and built anew from their sources."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pytest

from lumos_dagster.errors import ConfigError, DataError
from lumos_dagster.plugins.lock import read_lock
from lumos_dagster.plugins.wasm import WasmDriver
from lumos_dagster_tests.plugins.wasm.guests import Guests

PLUGINS = Path(__file__).parents[3] / "plugins"
SHIPPED = {name: PLUGINS / name / f"{name}.wasm" for name in ("normalize-core", "normalize-component")}
SHIPPED["normalize-assemblyscript"] = PLUGINS / "normalize-assemblyscript" / "normalize-assemblyscript.wasm"
VALUES = [
    " Ada@Example.COM ",
    None,
    "",
    "  ",
    "ÄÖ É",
    '"Q"\\\n\t',
    "x" * 40 + "YZ ",
    " 名字 A ",
    "ß😀B\u2028",
    "\tTab ",
]
ROWS = pa.table({
    "id": pa.array(range(len(VALUES)), pa.int64()),
    "email": VALUES,
    "price": pa.array(range(len(VALUES)), pa.decimal128(12, 2)),
    "tags": pa.array([["A", None]] * len(VALUES)),
    "at": pa.array([0] * len(VALUES), pa.timestamp("us", "UTC")),
    "note": pa.array([None] * len(VALUES), pa.string()),
})  # fmt: skip


def normalized(text: str | None) -> str | None:
    return None if text is None else "".join(c.lower() if c.isascii() else c for c in text.strip(" "))


def expected(rows: pa.Table, field: str, to: str) -> pa.Table:
    column = pa.array([normalized(value) for value in rows.column(field).to_pylist()], pa.string())
    if to in rows.schema.names:
        return rows.set_column(rows.schema.names.index(to), to, column)
    return rows.append_column(to, column)


def same(found: pa.Table, wanted: pa.Table) -> bool:
    """Whether they are equal but for the order of columns."""
    return found.select(wanted.schema.names).equals(wanted)


def build(name: str, made: Path, more: Mapping[str, str] = os.environ) -> Path:
    path = f"{Path(sys.executable).parent}:{more['PATH']}"
    done = subprocess.run(
        [PLUGINS / name / "build.sh", made], env={**more, "PATH": path}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return made


@pytest.mark.parametrize("name", SHIPPED)
@pytest.mark.parametrize(
    ("field", "to"), [("email", "email"), ("email", "clean"), ("email", "note"), ("note", "email")]
)
def test_each_form_of_the_shared_transformation_gives_the_same_table(
    guests: Guests, name: str, field: str, to: str
) -> None:
    found = guests.transform(SHIPPED[name], ROWS, {"field": field, "to": to})

    assert same(found, expected(ROWS, field, to))


@pytest.mark.parametrize("name", SHIPPED)
def test_many_batches_are_normalized(guests: Guests, name: str) -> None:
    rows = pa.table({"n": range(90_000), "t": [f" Row {number % 97} " for number in range(90_000)]})

    assert same(guests.transform(SHIPPED[name], rows, {"field": "t", "to": "u"}), expected(rows, "t", "u"))


@pytest.mark.parametrize("name", SHIPPED)
@pytest.mark.parametrize("options", [{}, {"field": "none", "to": "x"}, {"field": "id", "to": "x"}])
def test_options_that_do_not_fit_are_told(guests: Guests, name: str, options: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match=f"plugin {name}: .*field"):
        guests.transform(SHIPPED[name], ROWS, options)


@pytest.mark.parametrize("name", [*SHIPPED, "synthetic", "digest"])
def test_a_plugin_says_of_itself_what_its_manifest_says(name: str, guests: Guests) -> None:
    found = WasmDriver().describe(PLUGINS / name / f"{name}.wasm")

    assert (found.name, found.version, found.license) == (name, "1.0.0", "MIT")
    assert found.options[""]["type"] == "object"


def test_what_is_shipped_is_what_the_lock_says() -> None:
    installed = read_lock(PLUGINS)

    assert {"mongodb-wasm", "synthetic", "digest", *SHIPPED} <= installed.keys()
    for plugin in installed.values():
        plugin.verified()


def test_made_up_customers_are_the_same_for_the_same_seed(guests: Guests) -> None:
    path = PLUGINS / "synthetic" / "synthetic.wasm"

    rows = guests.extract(path, {"rows": 120_000, "seed": 7})

    assert rows.column("id").to_pylist() == list(range(1, 120_001))
    assert rows.schema.names == ["id", "name", "email", "balance"]
    assert rows.column("email").null_count > 10_000
    assert guests.extract(path, {"rows": 500, "seed": 7}).equals(rows.slice(0, 500).combine_chunks())
    assert not guests.extract(path, {"rows": 500, "seed": 8}).equals(rows.slice(0, 500).combine_chunks())
    assert guests.extract(path, {"rows": 0}).num_rows == 0


def test_the_digest_does_not_depend_on_the_order_of_rows(guests: Guests) -> None:
    path = PLUGINS / "digest" / "digest.wasm"

    assert guests.load(path, ROWS) == ROWS.num_rows
    assert guests.load(path, ROWS.take(list(range(ROWS.num_rows))[::-1])) == ROWS.num_rows
    guests.load(path, ROWS.slice(1))

    first, again, other = guests.lines
    assert first == again != other
    assert first.startswith("info: 10 rows, checksum ")
    checksum = first.rpartition(" ")[2]
    assert guests.load(path, ROWS, {"expected": checksum}) == ROWS.num_rows
    with pytest.raises(DataError, match="plugin digest: commit: the rows have another checksum"):
        guests.load(path, ROWS.slice(1), {"expected": checksum})


def test_the_examples_in_c_are_what_their_sources_give(guests: Guests) -> None:
    for name in ("normalize-core", "normalize-component"):
        made = build(name, guests.folder / f"{name}.wasm")
        assert same(guests.transform(made, ROWS, {"field": "email", "to": "to"}), expected(ROWS, "email", "to"))
    synthetic = build("synthetic", guests.folder / "synthetic.wasm")
    digest = build("digest", guests.folder / "digest.wasm")
    assert guests.load(digest, guests.extract(synthetic, {"rows": 10})) == 10


@pytest.mark.slow
@pytest.mark.parametrize("name", ["normalize-assemblyscript", "normalize-python"])
def test_the_examples_in_other_languages_are_what_their_sources_give(guests: Guests, name: str) -> None:
    tools = Path(sys.prefix) / "node_modules" / ".bin"
    made = build(name, guests.folder / f"{name}.wasm", {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"})

    for field, to in (("email", "email"), ("email", "to")):
        found = guests.transform(made, ROWS, {"field": field, "to": to}, timeout_seconds=60)
        assert same(found, expected(ROWS, field, to)), json.dumps(found.slice(0, 3).to_pylist(), default=str)

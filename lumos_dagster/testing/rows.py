"""Checks of what a connector writes and reads back: every value, type, name and batch."""

import math

import pyarrow as pa

from lumos_dagster.testing.harness import Bench, batches_of, require
from lumos_dagster.testing.samples import SAMPLES, numbered, table_of

_AWKWARD_TEXT = [
    *(
        "'",
        '"',
        '""',
        "a,b",
        "a;b",
        "a\tb",
        "a\nb",
        "a\r\nb",
        "\r",
        "\\",
        "\\n",
        "\\N",
        "\\.",
        "%s",
        ":x",
        "${x}",
        "{}",
    ),
    *(
        " a ",
        "NULL",
        "null",
        "None",
        "NaN",
        "é",
        "e\u0301",
        "日本語",
        "🙂👩‍👩‍👧",
        "\ufeffa",
        "\u2028",
        "\x01\x7f",
        "#x",
        "=1+1",
    ),
    "long " * 20_000,
]
_ODD_NAMES = [
    *(
        "select",
        "Order",
        "with space",
        "dot.ted",
        'double"quote',
        "single'quote",
        "back`tick",
        "[bracket]",
        "semi;colon",
    ),
    *(
        "per%cent",
        "%(x)s",
        "co:lon",
        "que?stion",
        "comma,",
        "back\\slash",
        "dollar$",
        "{brace}",
        "🙂",
        "größe",
        "名前",
        "x" * 63,
    ),
]


def keeps_types(bench: Bench) -> None:
    """Every declared type comes back with its values and its nulls."""
    columns = {f"c{place}": (kind, SAMPLES[kind]) for place, kind in enumerate(bench.harness.types)}
    bench.round_trip(table_of(columns))


def keeps_integers_to_the_ends(bench: Bench) -> None:
    """The smallest and largest 64-bit integers stay what they are."""
    bench.round_trip(table_of({"n": (pa.int64(), [2**63 - 1, -(2**63), 2**53 + 1, None])}))


def keeps_nan_and_infinity(bench: Bench) -> None:
    """A float that is no number is neither null nor an error."""
    bench.round_trip(table_of({"x": (pa.float64(), [math.nan, math.inf, -math.inf, None, 1.5])}))


def keeps_minus_zero(bench: Bench) -> None:
    """The sign of a zero stays."""
    bench.round_trip(table_of({"x": (pa.float64(), [-0.0, 0.0])}))


def keeps_null_apart_from_empty(bench: Bench) -> None:
    """The empty text is not null, and null is not the empty text."""
    bench.round_trip(table_of({"a": (pa.string(), ["", None, "x"]), "b": (pa.string(), [None, "", None])}))


def keeps_awkward_text(bench: Bench) -> None:
    """Quotes, delimiters, line ends, other scripts, and what looks like null stay as they are."""
    bench.round_trip(table_of({"text": (pa.string(), _AWKWARD_TEXT)}))


def keeps_nul_in_text(bench: Bench) -> None:
    """U+0000 is a character like any other."""
    bench.round_trip(table_of({"text": (pa.string(), ["a\0b", "\0"])}))


def keeps_random_tables(bench: Bench) -> None:
    """Whatever hypothesis thinks of comes back."""
    from hypothesis import HealthCheck, given, settings

    from lumos_dagster.testing.randoms import random_tables

    quiet = settings(
        max_examples=bench.harness.examples, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    tables = random_tables(bench.harness.types, least_rows=1 if bench.harness.typeless else 0)
    quiet(given(tables)(bench.round_trip))()


def keeps_columns_without_rows(bench: Bench) -> None:
    """No rows are still rows of these columns."""
    bench.round_trip(numbered(0))


def keeps_odd_names(bench: Bench) -> None:
    """A column may be named anything."""
    bench.round_trip(table_of({name: (pa.string(), [name]) for name in _ODD_NAMES}))


def does_not_mind_batch_edges(bench: Bench) -> None:
    """How rows are cut into batches changes nothing, in writing and in reading."""
    table = numbered(20)
    for rows in (1, 7, 20):
        name = bench.name()
        bench.load(name, batches_of(table, rows))
        bench.same(bench.read(name, table.schema), table)
        if "batch_size" in bench.harness.small_batches:
            bench.same(bench.read(name, table.schema, {"batch_size": rows}), table)


def opens_more_than_once(bench: Bench) -> None:
    """Two readers at the same time, and one after them, each see all rows from the first on."""
    table, name = numbered(500), bench.name()
    bench.load(name, table)
    relation = bench.relation(name, table.schema, bench.harness.small_batches)
    with relation.open(bench.book()) as one, relation.open(bench.book()) as other:
        first = one.read_next_batch()
        rows = other.read_all().num_rows
        require(rows == table.num_rows, f"the second reader sees {rows} of {table.num_rows} rows")
        rows = first.num_rows + one.read_all().num_rows
        require(rows == table.num_rows, f"the first reader sees {rows} of {table.num_rows} rows")
    bench.same(bench.read(name, table.schema), table)


CHECKS = (
    keeps_types,
    keeps_integers_to_the_ends,
    keeps_nan_and_infinity,
    keeps_minus_zero,
    keeps_null_apart_from_empty,
    keeps_awkward_text,
    keeps_nul_in_text,
    keeps_random_tables,
    keeps_columns_without_rows,
    keeps_odd_names,
    does_not_mind_batch_edges,
    opens_more_than_once,
)

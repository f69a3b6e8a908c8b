"""The values that rows are made of in the suite: some for every type."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pyarrow as pa

_LATE = datetime(2026, 12, 31, 23, 59, 59, 999000)

SAMPLES: Mapping[pa.DataType, list[Any]] = {
    pa.bool_(): [True, False],
    pa.int16(): [0, -1, 32767],
    pa.int32(): [0, -1, 2147483647],
    pa.int64(): [0, -1, 9007199254740993],
    pa.float64(): [0.0, 0.1, -1.5e300, 5e-324, 123456789.123456789],
    pa.decimal128(20, 4): [Decimal("0.0000"), Decimal("-0.0001"), Decimal("9999999999999999.9999"), Decimal("0.1000")],
    pa.string(): ["a", "007", "1e5", "true", "2026-01-01"],
    pa.binary(): [b"a", b"\x00\xff\n'\"\\", b"", bytes(range(256))],
    pa.date32(): [date(1970, 1, 1), date(1, 1, 1), date(9999, 12, 31), date(2024, 2, 29)],
    pa.time64("us"): [time(0, 0), time(23, 59, 59, 999999)],
    pa.timestamp("ms"): [datetime(1970, 1, 1), datetime(1900, 1, 1), _LATE],
    pa.timestamp("us"): [datetime(1970, 1, 1), datetime(1900, 1, 1), _LATE.replace(microsecond=999999)],
    pa.timestamp("ms", "UTC"): [datetime(1970, 1, 1, tzinfo=UTC), _LATE.replace(tzinfo=UTC)],
    pa.timestamp("us", "UTC"): [datetime(1970, 1, 1, tzinfo=UTC), _LATE.replace(tzinfo=UTC, microsecond=1)],
    pa.list_(pa.int64()): [[1, None, 3], []],
    pa.struct([("a", pa.int64()), ("b", pa.list_(pa.string()))]): [{"a": 1, "b": ["x", ""]}, {"a": None, "b": None}],
}
"""Ordinary values of each type. Those that many a store cannot keep have a check of their own."""


def table_of(columns: Mapping[str, tuple[pa.DataType, Iterable[Any]]]) -> pa.Table:
    """A table of `columns`, all made as long as the longest by nulls, behind a column `id` that counts from 1."""
    lists = {name: (kind, list(values)) for name, (kind, values) in columns.items()}
    rows = max((len(values) for _, values in lists.values()), default=0)
    arrays: dict[str, Any] = {"id": pa.array(range(1, rows + 1), pa.int64())}
    for name, (kind, values) in lists.items():
        arrays[name] = pa.array(values + [None] * (rows - len(values)), kind)
    return pa.table(arrays)


def numbered(rows: int, value: str = "old", first: int = 1) -> pa.Table:
    """Rows whose `value` tells where they come from."""
    return pa.table({
        "id": pa.array(range(first, first + rows), pa.int64()),
        "value": pa.array([f"{value} {number}" for number in range(first, first + rows)], pa.string()),
    })  # fmt: skip

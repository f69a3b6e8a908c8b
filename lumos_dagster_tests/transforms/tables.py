"""Tables for the transformers that see all rows: random ones, and one that is larger than their memory."""

import random
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa

SMALL = "40MB"
"""Less memory than LARGE_ROWS need."""
LARGE_ROWS = 600_000


def random_rows(seed: int, count: int) -> list[dict[str, Any]]:
    """Rows with repeated keys, nulls everywhere, exact decimals and the ends of 64 bits' range."""
    chance = random.Random(seed)

    def maybe(value: Any) -> Any:
        return None if chance.random() < 0.2 else value

    return [
        {
            "key": maybe(chance.randrange(5)),
            "name": maybe(chance.choice(["a", "B", "ä", "", "x y"])),
            "amount": maybe(Decimal(chance.randrange(-(10**6), 10**6)).scaleb(-2)),
            "size": maybe(chance.randrange(-100, 100)),
            "place": place,
        }
        for place in range(count)
    ]


SCHEMA = pa.schema(
    [
        ("key", pa.int64()), ("name", pa.string()), ("amount", pa.decimal128(12, 2)),
        ("size", pa.int32()), ("place", pa.int64()),
    ]
)  # fmt: skip


def random_table(seed: int, count: int = 60) -> pa.Table:
    return pa.Table.from_pylist(random_rows(seed, count), schema=SCHEMA)


def large_table() -> pa.Table:
    """About 100 MB, in no order: a number, its remainder, and a text of 120 letters."""
    numbers = [(place * 7919) % LARGE_ROWS for place in range(LARGE_ROWS)]
    texts = [f"{number:0120d}" for number in numbers]
    return pa.table({"number": numbers, "rest": [number % 1000 for number in numbers], "text": texts})


def spills(storage: Path) -> Sequence[Path]:
    """What lies where rows spill to."""
    return [path for path in storage.rglob("*") if ".spill-" in str(path)]

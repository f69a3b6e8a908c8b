"""JSON documents in columns beside Python's own json and jmespath, row by row: prints a Markdown table.

Run: python -m benchmarks.documents [--rows N] [--rounds N]. All take turns within one process.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import jmespath
import pyarrow as pa

from benchmarks.transforms import through

ROWS = 100_000
SHAPE = {"id": "int", "name": "string", "items": [{"sku": "string", "n": "int", "price": "decimal(10,2)"}]}
FILTER, SUM = "items[?price > `2`].sku | [0]", "sum(items[*].n)"


def read(text: str) -> Any:
    """A document with exact fractions."""
    return json.loads(text, parse_float=Decimal)


def parsed(texts: Sequence[str]) -> list[Any]:
    """The documents in their shape."""
    return [
        {
            "id": one["id"],
            "name": str(one["name"]),
            "items": [{name: item[name] for name in ("sku", "n", "price")} for item in one["items"]],
        }
        for one in map(read, texts)
    ]


def found(path: str) -> Callable[[Sequence[str]], list[Any]]:
    """What a path leads to in each."""
    search = jmespath.compile(path).search
    return lambda texts: [search(json.loads(text)) for text in texts]


def exploded(texts: Sequence[str]) -> list[Any]:
    """The texts of all lists' elements."""
    return [json.dumps(item, separators=(",", ":")) for text in texts for item in json.loads(text)]


WORKS: Mapping[str, tuple[dict[str, Any], bool, Callable[[Sequence[str]], list[Any]]]] = {
    "parse_json, plain objects": ({"operation": "parse_json", "shape": SHAPE}, False, parsed),
    "parse_json, a key of several types": ({"operation": "parse_json", "shape": SHAPE}, True, parsed),
    f"extract `{FILTER}`": ({"operation": "extract", "path": FILTER}, False, found(FILTER)),
    f"extract `{SUM}`": ({"operation": "extract", "path": SUM, "to_type": "int"}, False, found(SUM)),
    "explode a list of objects": ({"operation": "explode"}, False, exploded),
}
"""The operation, whether the documents are irregular, and the same by hand."""


def documents(rows: int, *, odd: bool) -> list[dict[str, Any]]:
    """Objects with a list of two objects each; of the odd ones every fourth has a number where others have text."""
    return [
        {
            "id": number,
            "name": number if odd and number % 4 == 0 else f"customer {number}",
            "items": [{"sku": f"s{number}", "n": 2, "price": 1.5}, {"sku": "other", "n": number, "price": 2.25}],
        }
        for number in range(rows)
    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    print(measured(asked.rows, asked.rounds))


def measured(rows: int, rounds: int) -> str:
    """The table, in Markdown."""
    lines = [
        "## JSON documents\n",
        f"{rows:,} documents beside Python's json and jmespath on each row, {rounds} rounds in turn, medians"
        " (`python -m benchmarks.documents`).\n",
        "| | wall s | row by row | ratio |\n|---|---:|---:|---:|",
    ]
    for name, (operation, odd, by_hand) in WORKS.items():
        ours, theirs = _taken(rows, rounds, operation, by_hand, odd=odd)
        lines.append(f"| {name} | {ours:.2f} | {theirs:.2f} | {ours / theirs:.2f} |")
    return "\n".join([*lines, ""])


def _taken(
    rows: int, rounds: int, operation: dict[str, Any], by_hand: Callable[[Any], list[Any]], *, odd: bool
) -> tuple[float, float]:
    """The median seconds of both, whose results must be the same."""
    made = documents(rows, odd=odd)
    texts = [json.dumps(one["items"] if operation["operation"] == "explode" else one) for one in made]
    table = pa.table({"x": texts})
    kind = through(table.slice(0, 1), [{**operation, "field": "x"}]).schema.field("x").type
    ours, theirs = [], []
    for _ in range(rounds):
        start = time.perf_counter()
        result = through(table, [{**operation, "field": "x"}])
        ours.append(time.perf_counter() - start)
        start = time.perf_counter()
        same = pa.chunked_array([pa.array(by_hand(texts), kind)])
        theirs.append(time.perf_counter() - start)
        if not result["x"].combine_chunks().equals(same.combine_chunks()):
            raise SystemExit(f"{operation} gives other rows than by hand")
    return statistics.median(ours), statistics.median(theirs)


if __name__ == "__main__":
    main()

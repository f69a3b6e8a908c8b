"""MongoDB's client side beside bare pymongo: python -m benchmarks.mongo [--rows N] [--rounds N].

Both insert the same rows, a thousand at a time, into a server that answers and keeps nothing, so that only the client's
work is measured. pymongo is timed twice: from the same rows, which come as Arrow batches, as the limit; and with
documents that are ready in memory.
"""

import argparse
import multiprocessing
import socketserver
import statistics
import struct
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import bson
import duckdb
import pyarrow as pa
import pymongo

from lumos_dagster.accounting import Book
from lumos_dagster.connectors.mongodb import MongoLoader
from lumos_dagster.connectors.mongodb.documents import columns_of, documents_of
from lumos_dagster.values import RunContext

LIMIT, LUMOS = "pymongo, insert_many of each batch's rows (limit)", "**Lumos, the loader**"
ROWS, PART = 200_000, 1_000
HEADER = struct.Struct("<iiii")
OP_REPLY, OP_QUERY, OP_MSG = 1, 2004, 2013
HELLO = {
    "ok": 1, "ismaster": True, "isWritablePrimary": True, "maxBsonObjectSize": 16 << 20,
    "maxMessageSizeBytes": 48_000_000, "maxWriteBatchSize": 100_000, "minWireVersion": 0, "maxWireVersion": 21,
}  # fmt: skip
SELECT = """
    select i as n, i * 7 % 1000003 as part, 'customer ' || i as name, i % 50 + 0.25 as price,
           timestamp '2026-01-01' + to_seconds(i) as at, i % 3 = 0 as done,
           case when i % 7 > 0 then 'note ' || i end as note, ['a', 'b', 'c'][i % 3 + 1] as kind
    from range({}) t(i)"""


class Sink(socketserver.StreamRequestHandler):
    """Says of every command that it was done. Source: https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol."""

    def handle(self) -> None:
        """Answer until the client leaves."""
        while header := self.rfile.read(HEADER.size):
            length, number, _, kind = HEADER.unpack(header)
            body = self.rfile.read(length - HEADER.size)
            if kind == OP_QUERY:
                self._send(OP_REPLY, number, struct.pack("<iqii", 8, 0, 0, 1) + bson.encode(HELLO))
            else:
                self._send(OP_MSG, number, struct.pack("<IB", 0, 0) + bson.encode(_answer(body)))

    def _send(self, kind: int, to: int, body: bytes) -> None:
        self.wfile.write(HEADER.pack(HEADER.size + len(body), 1, to, kind) + body)


def _answer(body: bytes) -> dict[str, Any]:
    size = struct.unpack_from("<i", body, 5)[0]
    command = bson.decode(body[5 : 5 + size])
    name = next(iter(command))
    if name in ("find", "aggregate", "listCollections"):
        return {"ok": 1, "cursor": {"id": 0, "ns": "bench.rows", "firstBatch": []}}
    return HELLO | {"n": _documents(body, 5 + size)} if name == "insert" else HELLO


def _documents(body: bytes, at: int) -> int:
    """How many documents the section behind the command holds."""
    end = at + 1 + struct.unpack_from("<i", body, at + 1)[0]
    at, count = body.index(b"\0", at + 5) + 1, 0
    while at < end:
        at += struct.unpack_from("<i", body, at)[0]
        count += 1
    return count


def serve(port: "multiprocessing.Queue[int]") -> None:
    """The sink, on a free port."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Sink) as server:
        server.daemon_threads = True
        port.put(server.server_address[1])
        server.serve_forever()


@contextmanager
def sink() -> Iterator[str]:
    """The URL of a sink in a process of its own."""
    context = multiprocessing.get_context("spawn")
    port: multiprocessing.Queue[int] = context.Queue()
    process = context.Process(target=serve, args=(port,), daemon=True)
    process.start()
    yield f"mongodb://127.0.0.1:{port.get()}"
    process.terminate()


def contenders(url: str, table: pa.Table) -> dict[str, Callable[[], None]]:
    """What is timed, by name."""
    batches = table.to_batches(max_chunksize=PART)
    columns = columns_of(table.schema, {})
    ready = [[{"_id": bson.ObjectId(), **document} for document in documents_of(batch, columns)] for batch in batches]

    def insert(parts: "Iterator[list[dict[str, Any]]]") -> None:
        with pymongo.MongoClient(url) as client:
            for part in parts:
                client.bench.rows.insert_many(part, ordered=False)

    def lumos() -> None:
        with tempfile.TemporaryDirectory() as storage:
            load = uuid.uuid4().hex
            options = {"connection_string": url, "database": "bench", "collection": "rows"}
            with Book(RunContext("job", load, load, datetime.now(UTC), storage)).task("load") as task:
                written = MongoLoader.model_validate(options).write(table.to_reader(max_chunksize=65_536), task)
            if written.inserted != table.num_rows:
                raise SystemExit(f"{written.inserted} of {table.num_rows} rows")

    return {
        "pymongo, documents ready": lambda: insert(iter(ready)),
        LUMOS: lumos,
        LIMIT: lambda: insert(batch.to_pylist() for batch in batches),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--rounds", type=int, default=7)
    asked = parser.parse_args(arguments)
    print(measured(asked.rows, asked.rounds))


def measured(rows: int, rounds: int) -> str:
    """The table, in Markdown."""
    with duckdb.connect() as connection:
        table = connection.sql(SELECT.format(rows)).to_arrow_table()
    table = table.set_column(3, "price", table["price"].cast(pa.float64()))
    taken: dict[str, list[float]] = {}
    with sink() as url:
        works = contenders(url, table)
        for name, work in list(works.items()) * rounds:
            begun = time.perf_counter()
            work()
            taken.setdefault(name, []).append(time.perf_counter() - begun)
    limit = statistics.median(taken[LIMIT])
    lines = [
        "## MongoDB, the client's side\n",
        f"{rows:,} rows of eight columns into a server that keeps nothing (`python -m benchmarks.mongo`).\n",
        "| | of the limit | wall s, median (least to greatest) |\n|---|---:|---:|",
    ]
    for name, seconds in sorted(taken.items(), key=lambda item: statistics.median(item[1])):
        middle = statistics.median(seconds)
        lines.append(f"| {name} | {middle / limit:.2f} | {middle:.2f} ({min(seconds):.2f} to {max(seconds):.2f}) |")
    ratio = statistics.median(taken[LUMOS]) / limit
    lines.append(f"\nHeld to 1.2 of the limit: {'met' if ratio <= 1.2 else 'missed'} ({ratio:.2f}).\n")
    return "\n".join(lines)


if __name__ == "__main__":
    main()

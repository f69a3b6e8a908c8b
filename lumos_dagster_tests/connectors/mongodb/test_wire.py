"""What a load promises when answers are lost, refused or never come; a proxy in front of the server makes it happen."""

import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pyarrow as pa
import pytest
from bson import DatetimeMS, ObjectId
from pymongo.database import Database

from lumos_dagster.accounting import Book, Count
from lumos_dagster.connectors.mongodb import MongoExtractor, MongoLoader
from lumos_dagster.errors import DataError, LumosError, TerminalError, TransientError
from lumos_dagster.interface import LoadResult
from lumos_dagster_tests.connectors.mongodb.wire import Command, Fate, Wire

Read = Callable[..., tuple[pa.Table, Count]]
Load = Callable[..., LoadResult]
Things = Database[dict[str, Any]]

_DATES = [DatetimeMS(n) for n in (-(2**63), 2**63 - 1, 253402300800000)]


class Nth:
    """Decides of the `number`-th command of that name (on that collection); all others pass."""

    def __init__(self, name: str, number: int, fate: Fate, collection: str = "") -> None:
        self._name, self._left, self._fate, self._collection = name, number, fate, collection

    def __call__(self, command: Command) -> Fate:
        if next(iter(command)) == self._name and self._collection in ("", command[self._name]):
            self._left -= 1
            if self._left == 0:
                return self._fate
        return "pass"


@pytest.mark.parametrize("rows", [[{"n": n} for n in range(30)], [{"_id": n, "n": n} for n in range(30)]])
@pytest.mark.parametrize("mode", ["insert", "upsert", "replace"])
@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_load_whose_answer_was_lost_doubles_and_loses_nothing_when_tried_again(
    database: Things, load: Load, address: tuple[str, int], rows: list[Any], mode: str, number: int
) -> None:
    if mode == "upsert":
        rows = [row | {"_id": row["n"]} for row in rows]
    options: dict[str, Any] = {"mode": mode, "batch_size": 10}
    command = "update" if mode == "upsert" else "insert"
    with Wire(address, Nth(command, number, "lose")) as wire:
        options["connection_string"] = wire.url
        with pytest.raises(TransientError, match="no answer"):
            load(rows, **options)
        result = load(rows, **options)

    assert result.inserted + result.unchanged == 30
    assert sorted(document["n"] for document in database.things.find()) == list(range(30))


def test_a_row_refused_before_is_not_taken_for_done_on_a_retry(database: Things, load: Load) -> None:
    """Row 3 equals row 1, so on the retry it finds what looks like itself."""
    rows = [{"_id": 1}, {"_id": 2}, {"_id": 1}, {"_id": 4}]

    for _ in range(3):
        assert load(rows, batch_size=2, on_error="skip").inserted == 3
    assert database.things.count_documents({}) == 3


@pytest.mark.parametrize(
    "failure",
    [
        ({"code": 112, "errmsg": "write conflict"}, TransientError),
        ({"code": 43, "errmsg": "cursor not found"}, TransientError),
        ({"code": 999, "errmsg": "odd", "errorLabels": ["TransientTransactionError"]}, TransientError),
        ({"code": 999, "errmsg": "odd", "errorLabels": ["RetryableWriteError"]}, TransientError),
        ({"code": 999, "errmsg": "odd"}, TerminalError),
        ({"code": 13, "errmsg": "not authorized"}, TerminalError),
        ({"code": 26, "errmsg": "ns not found"}, TerminalError),
    ],
)
@pytest.mark.parametrize("command", ["find", "insert"])
def test_codes_and_labels_tell_what_may_pass(
    database: Things,
    load: Load,
    read: Read,
    address: tuple[str, int],
    failure: tuple[dict[str, Any], type[LumosError]],
    command: str,
) -> None:
    error, kind = failure
    database.things.insert_one({})

    def always(told: Command) -> Fate:
        return {"ok": 0.0, **error} if next(iter(told)) == command else "pass"

    work = read if command == "find" else partial(load, [{"n": 1}])
    with Wire(address, always) as wire, pytest.raises(LumosError, match=error["errmsg"]) as caught:
        work(connection_string=wire.url)
    assert type(caught.value) is kind


def test_a_write_that_the_other_members_did_not_take_may_pass(load: Load, address: tuple[str, int]) -> None:
    failed = {"code": 64, "errmsg": "waiting for replication timed out"}
    answer = {"ok": 1.0, "n": 1, "writeConcernError": failed}
    with Wire(address, Nth("insert", 1, answer)) as wire, pytest.raises(TransientError, match="replication timed out"):
        load([{"n": 1}], connection_string=wire.url)


@pytest.mark.parametrize("command", ["find", "insert", "update", "renameCollection", "listCollections"])
def test_a_cancel_breaks_a_call_that_never_returns(
    database: Things, place: dict[str, Any], book: Book, address: tuple[str, int], command: str
) -> None:
    database.things.insert_one({"_id": 1})
    waiting = threading.Event()
    cancelled: list[float] = []

    def decide(told: Command) -> Fate:
        if next(iter(told)) != command:
            return "pass"
        waiting.set()
        return "stall"

    def cancel() -> None:
        waiting.wait(30)
        cancelled.append(time.monotonic())
        book.cancellation.cancel(TerminalError("enough"))

    with Wire(address, decide) as wire, book.task("work") as task:
        place["connection_string"] = wire.url
        mode: Any = {"update": "upsert", "insert": "insert"}.get(command, "replace")
        rows = pa.table({"_id": [1], "v": [2]}).to_reader()
        work = partial(MongoLoader(**place, mode=mode).write, rows, task)
        if command == "find":
            work = MongoExtractor(**place).read(task).__enter__
        stop = threading.Thread(target=cancel)
        stop.start()
        with pytest.raises(TerminalError, match="enough"):
            work()
        stop.join()
    assert time.monotonic() - cancelled[0] < 5
    for thread in threading.enumerate():
        if "lumos mongodb" in thread.name:
            thread.join(5)
            assert not thread.is_alive()


def test_dates_of_years_that_python_lacks_survive(load: Load, read: Read, address: tuple[str, int]) -> None:
    """The test server itself cannot keep them, so what it would be sent is looked at."""
    found = [{"_id": n, "at": date, "in": [{"at": date}]} for n, date in enumerate(_DATES)]
    sent: list[Any] = []

    def decide(command: Command) -> Fate:
        match next(iter(command)):
            case "find" if command["find"] == "things":
                return {"ok": 1.0, "cursor": {"id": 0, "ns": "a.b", "firstBatch": found}}
            case "insert":
                sent.extend(command["documents"])
                return {"ok": 1.0, "n": len(found)}
        return "pass"

    with Wire(address, decide) as wire:
        table, _ = read(connection_string=wire.url)
        load(table.drop_columns("_id"), connection_string=wire.url)
        with pytest.raises(DataError, match=r"row 1: field 'n'.*64 bits"):
            load(table.append_column("n", pa.array([2**63] * 3, pa.uint64())), connection_string=wire.url)

    assert [{name: document[name] for name in ("at", "in")} for document in sent] == [
        {name: document[name] for name in ("at", "in")} for document in found
    ]
    assert all(isinstance(document["_id"], ObjectId) for document in sent)


def test_a_sharded_collection_is_not_replaced(database: Things, load: Load, address: tuple[str, int]) -> None:
    database.things.insert_one({"_id": 1})
    router = {
        "ok": 1.0, "isWritablePrimary": True, "msg": "isdbgrid", "maxBsonObjectSize": 16 << 20,
        "maxMessageSizeBytes": 48000000, "maxWriteBatchSize": 100000, "minWireVersion": 0, "maxWireVersion": 21,
    }  # fmt: skip

    def decide(command: Command) -> Fate:
        match next(iter(command)).lower():
            case "hello" | "ismaster":
                return router
            case "collstats":
                return {"ok": 1.0, "sharded": True}
        return "pass"

    with Wire(address, decide) as wire, pytest.raises(TerminalError, match=r"sharded.*use mode upsert"):
        load([{"_id": 2}], connection_string=wire.url, mode="replace")
    assert list(database.things.find()) == [{"_id": 1}]

"""Rows of MariaDB off the line: values of every length, rows of several packets, and lines that break in the midst."""

from itertools import islice, pairwise

import pytest

from lumos_dagster.connectors.jdbc.mysql import receiving
from lumos_dagster.errors import LumosError, TransientError
from lumos_dagster_tests.connectors.jdbc.conftest import Place

_PACKET = 0xFFFFFF
_FEW_BYTES = 7
"""So few at a time that every header and every length comes in two pieces."""


@pytest.fixture
def place(mariadb_place: Place) -> Place:
    return mariadb_place


def test_values_of_every_length_come_whole(place: Place) -> None:
    lengths = [0, 1, 250, 251, 252, 255, 256, 65_535, 65_536, 1 << 20]
    texts = " union all ".join(f"select {at} id, repeat('ü', {size}) t" for at, size in enumerate(lengths))

    rows = place.read(query=f"select * from ({texts}) q union all select 99, null order by id").to_pylist()

    assert rows == [*({"id": at, "t": "ü" * size} for at, size in enumerate(lengths)), {"id": 99, "t": None}]


# A value of more than 65,535 bytes has four bytes of length before it.
@pytest.mark.parametrize("payload", [_PACKET - 1, _PACKET, _PACKET + 1, 2 * _PACKET, 2 * _PACKET + 5])
def test_a_row_of_several_packets_is_one_row(place: Place, payload: int) -> None:
    sizes = [payload // 3, payload // 3, payload - 2 * (payload // 3)]
    large = ", ".join(f"repeat('{name}', {size - 4}) {name}" for name, size in zip("abc", sizes, strict=True))

    rows = place.read(query=f"select 'x' a, null b, '' c union all select {large} union all select 'y', '', null")

    assert [column.to_pylist() for column in rows.columns] == [
        ["x", "a" * (sizes[0] - 4), "y"],
        [None, "b" * (sizes[1] - 4), ""],
        ["", "c" * (sizes[2] - 4), None],
    ]


@pytest.mark.parametrize("batch_size", [1, 3, 1000])
def test_a_line_that_gives_a_few_bytes_at_a_time(
    place: Place, monkeypatch: pytest.MonkeyPatch, batch_size: int
) -> None:
    monkeypatch.setattr(receiving, "_READ_BYTES", _FEW_BYTES)
    query = "select seq id, repeat('é', seq * 50) t, if(seq % 3, seq, null) n from seq_1_to_20"

    with place.book().task("read") as task, place.extractor(query=query, batch_size=batch_size).read(task) as rows:
        batches = list(rows)

    assert [row for batch in batches for row in batch.to_pylist()] == [
        {"id": at, "t": "é" * at * 50, "n": at if at % 3 else None} for at in range(1, 21)
    ]
    assert all(batch.num_rows == batch_size for batch, _ in pairwise(batches))


def test_an_error_behind_rows_is_told(place: Place) -> None:
    place.sql("create table t (id integer primary key, t varchar(200))")
    place.sql("insert into t select seq, repeat('x', 200) from seq_1_to_50000")
    fails_at_the_last = "if(id < 50000, 1, (select seq from seq_1_to_2 where seq <= t.id))"

    with pytest.raises(LumosError, match="returns more than 1 row"):
        place.read(query=f"select id, t, {fails_at_the_last} x from t order by id")


def test_a_connection_that_is_killed_in_the_midst_is_told(place: Place) -> None:
    place.sql("create table t (id integer primary key, t varchar(1000))")
    place.sql("insert into t select seq, repeat('x', 1000) from seq_1_to_100000")

    def read_and_kill() -> None:
        with place.book().task("read") as task, place.extractor(batch_size=10).read(task) as rows:
            assert len(list(islice(rows, 3))) == 3
            readers = (
                "select id from information_schema.processlist where id <> connection_id() and info like 'select%'"
            )
            for (number,) in place.sql(readers):
                place.sql(f"kill {number}")
            list(rows)

    with pytest.raises(TransientError, match=r"Lost connection|was killed"):
        read_and_kill()


def test_rows_that_nobody_reads_to_their_end_leave_the_line(place: Place) -> None:
    place.sql("create table t (id integer primary key, t varchar(1000))")
    place.sql("insert into t select seq, repeat('x', 1000) from seq_1_to_50000")

    with place.book().task("read") as task, place.extractor().read(task) as rows:
        assert next(iter(rows)).num_rows

    assert place.read(columns=["id"]).num_rows == 50_000

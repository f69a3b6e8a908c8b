"""Reading a table or a query: parameters, columns, exact types, batch edges, and bounded memory."""

import re
from datetime import date
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from lumos_dagster.connectors.jdbc.query import trimmed, with_values
from lumos_dagster.errors import ConfigError, DataError, TerminalError
from lumos_dagster_tests.connectors.jdbc.conftest import Place


@pytest.fixture
def filled(place: Place) -> Place:
    place.sql("create table t (id integer, name text, born date, paid numeric(10,2))")
    place.load([
        {"id": number, "name": f"name {number}", "born": date(2000, 1, number), "paid": Decimal(number) / 4}
        for number in range(1, 10)
    ])  # fmt: skip
    return place


def test_a_table_and_parts_of_it(filled: Place) -> None:
    everything = filled.read()

    assert everything.schema.names == ["id", "name", "born", "paid"]
    assert everything.schema.field("born").type == pa.date32()
    assert everything.schema.field("paid").type == pa.decimal128(10, 2)
    assert everything.num_rows == 9
    chosen = filled.read(
        columns=["paid", "id"], where="id > :least and name like '%:x%' or id = 9", parameters={"least": 8}
    )
    assert chosen.to_pylist() == [{"paid": Decimal("2.25"), "id": 9}]


@pytest.mark.parametrize(
    ("condition", "parameters", "ids"),
    [
        ("id = :id", {"id": 3}, [3]),
        ("name = :name", {"name": "name 4"}, [4]),
        ("name = :name", {"name": "' or 1 = 1 --"}, []),
        ("born = :born", {"born": "2000-01-05"}, [5]),
        ("id in (:a, :b) and id < :a + 1", {"a": 2, "b": 7}, [2]),
        ("name <> ':id' and id = :id -- not :this one", {"id": 6}, [6]),
        ("cast(:nothing as integer) is null and id = 1", {"nothing": None}, [1]),
        ("name like '%7' /* 100% */", {}, [7]),
        ("id = ? and name <> '?' -- ?", [3], [3]),
        ("id in (?, ?) /* ?? */", [3, 5], [3, 5]),
        ("name <> '??' and id = ?", [4], [4]),
        ("id in ( :ids ) and id < :most", {"ids": [2, 4, 9], "most": 9}, [2, 4]),
        ("name not in (:names) and id > 7", {"names": ["name 8", "' or 1 = 1"]}, [9]),
        ("born = :born", {"born": date(2000, 1, 5)}, [5]),
        ("paid = :paid", {"paid": Decimal("0.75")}, [3]),
    ],
)
def test_parameters_are_values_and_nothing_else(
    filled: Place, condition: str, parameters: dict[str, Any] | list[Any], ids: list[int]
) -> None:
    found = filled.read(query=f"select id, born from t where {condition}", parameters=parameters)

    assert found["id"].to_pylist() == ids
    assert found.schema.field("born").type == pa.date32()


def test_parameters_must_agree_with_the_query(filled: Place) -> None:
    with pytest.raises(ConfigError) as raised:
        filled.read(query="select * from t where id = :idd and name = :name", parameters={"id": 1, "name": "x"})
    assert str(raised.value).splitlines() == [
        "parameters: the query has :idd, but parameters has no 'idd'. Did you mean 'id'?",
        "parameters: 'id' is not in the query. Did you mean 'idd'?",
    ]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ([1], "the query has 2 ?, but parameters has 1 values"),
        ([1, 2, 3], "the query has 2 ?, but parameters has 3 values"),
    ],
)
def test_there_are_as_many_values_as_places(filled: Place, parameters: list[Any], message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        filled.read(query="select * from t where id = ? or id = ?", parameters=parameters)


def test_an_empty_list_is_none_that_in_can_take(filled: Place) -> None:
    with pytest.raises(ConfigError, match="parameters: 'ids' is an empty list, which IN cannot take"):
        filled.read(query="select * from t where id in (:ids)", parameters={"ids": []})


def test_operators_with_a_question_mark(postgres_place: Place) -> None:
    found = """select '{"a": 1}'::jsonb"""
    assert postgres_place.read(query=f"{found} ? 'a' as x").to_pylist() == [{"x": True}]
    assert postgres_place.read(query=f"{found} ?? ? as x", parameters=["b"]).to_pylist() == [{"x": False}]
    assert postgres_place.read(query="select 2 = any(:x) as x", parameters={"x": [1, 2]}).to_pylist() == [{"x": True}]


def test_a_value_that_cannot_be_a_parameter(postgres_place: Place) -> None:
    with pytest.raises(TerminalError, match="cannot adapt type 'dict'"):
        postgres_place.read(query="select :x as x", parameters={"x": {}})


@pytest.mark.parametrize(
    ("query", "same"),
    [
        ("select 1;", "select 1"),
        ("select 1 ; -- done; or not\n", "select 1 "),
        ("select 1;; /* ; */ ;", "select 1"),
        ("select ';' -- no end", "select ';' -- no end"),
        ("select ';'", "select ';'"),
        ("select 1; select 2", "select 1; select 2"),
        ("select 1; 'x'", "select 1; 'x'"),
        ('select "a;b";', 'select "a;b"'),
        ("select $$;$$;", "select $$;$$"),
    ],
)
def test_only_the_last_semicolon_goes(query: str, same: str) -> None:
    assert trimmed(query) == same


@pytest.mark.parametrize(
    ("query", "filled_in"),
    [
        ("select :a", "select <a>"),
        ("select x::a, '::a :a', \":a\"", "select x::a, '::a :a', \":a\""),
        ("select '12:30', x[1:a], $q$ :a $q$, E'\\' :a'", "select '12:30', x[1:a], $q$ :a $q$, E'\\' :a'"),
        ("select ':a''', :a -- :a", "select ':a''', <a> -- :a"),
        ("select 'it''s' || :a::text", "select 'it''s' || <a>::text"),
        ("select :a /* :a */", "select <a> /* :a */"),
        ("select array[:a,:a]", "select array[<a>,<a>]"),
    ],
)
def test_parameters_are_found_where_they_stand(query: str, filled_in: str) -> None:
    known = ["a"] if "<a>" in filled_in else []
    assert with_values(query, known, lambda name: f"<{name}>") == filled_in


@pytest.mark.parametrize(
    "query",
    [
        "select id, name from t order by id desc;",
        "select id, name from t order by id desc; -- the end",
        "select id, name from t order by id desc -- the end",
        "with few as (select * from t) select id, name from few order by id desc",
        "\n  select id, name from (select * from t) as q order by 1 desc\n;\n",
        "select id, name from t where name like '%name%' and '%s' <> '%(x)s' order by 1 desc",
    ],
)
def test_any_select_in_its_own_order(filled: Place, query: str) -> None:
    found = filled.read(query=query, batch_size=4)

    assert found["id"].to_pylist() == list(range(9, 0, -1))
    assert found["name"].to_pylist()[0] == "name 9"


def test_no_rows_keep_their_columns(filled: Place) -> None:
    found = filled.read(where="id > 100")

    assert found.num_rows == 0
    assert found.schema == filled.read().schema


def test_a_column_named_twice_is_an_error(filled: Place) -> None:
    with pytest.raises(DataError, match=r"the query gives (the column id|a column) more than once.*; name each by AS"):
        filled.read(query="select a.id, b.id from t as a join t as b on a.id = b.id")


@pytest.mark.parametrize("query", ["select id from t; select id from t", "delete from t", "drop table t", ""])
def test_what_is_no_single_query_is_refused(filled: Place, query: str) -> None:
    with pytest.raises(TerminalError):
        filled.read(query=query)
    assert filled.read().num_rows == 9


def test_a_single_column_keeps_its_nulls_and_empty_texts(place: Place) -> None:
    texts = [None, "", None, None, "x", ""]
    place.load(pa.table({"v": pa.array(texts, pa.string())}), create_table=True)

    for batch_size in (1, 2, 3, 100):
        assert place.read(batch_size=batch_size)["v"].to_pylist() == texts


def test_batches_have_the_size_asked_for(filled: Place) -> None:
    with filled.book().task("read") as task, filled.extractor(batch_size=4).read(task) as rows:
        assert [batch.num_rows for batch in rows] == [4, 4, 1]


def test_a_view_is_read_like_a_table(filled: Place) -> None:
    filled.sql("create view v as select id, born from t where id < 3")

    assert filled.read(table_name="v").schema.names == ["id", "born"]


def test_another_schema(postgres_place: Place) -> None:
    postgres_place.sql("create schema s; create table s.t (id integer); insert into s.t values (5)")

    assert postgres_place.read(table_name="s.t").to_pylist() == [{"id": 5}]
    url = f"{postgres_place.url}?currentSchema=s"
    assert postgres_place.read(table_name="t", connection_string=url).to_pylist() == [{"id": 5}]


def test_a_database_in_another_encoding(postgres_place: Place) -> None:
    postgres_place.load([{"id": 1, "v": "größe"}], "1", create_table=True)
    url = f"{postgres_place.url}?options=-c%20client_encoding%3Dlatin1%20-c%20DateStyle%3DGerman"
    postgres_place.load([{"id": 2, "v": "größe"}], "2", connection_string=url)

    assert postgres_place.read(connection_string=url)["v"].to_pylist() == ["größe"] * 2
    assert postgres_place.read(connection_string=url, query="select date '2026-01-02' as d")["d"].to_pylist() == [
        date(2026, 1, 2)
    ]


def test_a_million_rows_in_bounded_memory(postgres_place: Place) -> None:
    query = "select i as id, repeat('x', 100) as text, i * 1.5 as f, i::timestamp_ from (select i, timestamp '2026-01-01' as timestamp_ from generate_series(1, 1000000) as i) as q"
    query = query.replace("i::timestamp_", "timestamp_")
    most = rows = total = 0
    before = pa.total_allocated_bytes()
    with postgres_place.book().task("read") as task, postgres_place.extractor(query=query).read(task) as reader:
        for batch in reader:
            rows += batch.num_rows
            total += batch.nbytes
            most = max(most, pa.total_allocated_bytes() - before)

    assert rows == 1_000_000
    assert total > 100_000_000
    assert most < 40_000_000


def test_a_table_is_replaced_by_what_is_read_from_it(postgres_place: Place) -> None:
    """Streaming, source and target may be the same: what was read to its end is no longer locked."""
    place = postgres_place
    place.load([{"id": number} for number in range(1, 4)], "1", create_table=True)
    book = place.book("2")
    extractor = place.extractor(query="select id * 10 as id from t")
    with book.task("read") as reading, extractor.read(reading) as rows, book.task("load") as loading:
        assert place.loader(load_mode="replace").write(rows, loading).inserted == 3

    assert place.read()["id"].to_pylist() == [10, 20, 30]

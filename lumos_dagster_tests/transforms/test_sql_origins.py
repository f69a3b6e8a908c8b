"""Which columns of which parents a query's columns are made of."""

import pyarrow as pa
import pytest

from lumos_dagster.lineage import Lineage, within
from lumos_dagster.transforms.sql import Sql

INPUTS = {
    "orders": pa.schema([("id", pa.int64()), ("Customer", pa.int64()), ("amount", pa.decimal128(9, 2))]),
    "customers": pa.schema([("id", pa.int64()), ("name", pa.string()), ("pin", pa.string())]),
}
QUERIES = {
    "select name, amount * 2 as twice from orders join customers on customer = customers.id": {
        "name": ["customers.name"], "twice": ["orders.amount"],
    },
    "with t as (select customer, sum(amount) as total from orders group by all) "
    "select c.name, t.total, row_number() over (order by t.total) as place, 1 as one "
    "from customers c left join t on t.customer = c.id": {
        "name": ["customers.name"], "total": ["orders.amount"], "place": ["orders.amount"], "one": [],
    },
    "select * exclude (pin), (select max(amount) from orders) as most from customers": {
        "id": ["customers.id"], "name": ["customers.name"], "most": ["orders.amount"],
    },
    "select id from orders union all select id from customers": {"id": ["orders.id", "customers.id"]},
    "select CUSTOMER as who from Orders": {"who": ["orders.Customer"]},
    "select count(*) as n from orders": {"n": []},
}  # fmt: skip


@pytest.mark.parametrize("query", QUERIES)
def test_the_origins_of_a_query(query: str) -> None:
    origins = Sql(query=query).origins(INPUTS)
    assert origins is not None
    assert {name: set(reads) for name, reads in origins.reads.items()} == {
        name: {within(*end.split(".")) for end in ends} for name, ends in QUERIES[query].items()
    }


def test_the_only_parent_is_input_too() -> None:
    origins = Sql(query="select upper(name) as n from input").origins({"customers": INPUTS["customers"]})
    assert origins is not None
    assert dict(origins.reads) == {"n": (within("customers", "name"),)}


@pytest.mark.parametrize("query", ["from orders select columns('a.*')", "select unnest([id, id]) as u from orders"])
def test_what_is_not_understood_is_not_guessed(query: str) -> None:
    origins = Sql(query=query).origins(INPUTS)
    assert origins is None or all(
        set(reads) <= {within("orders", "id"), within("orders", "amount")} for reads in origins.reads.values()
    )


def test_behind_a_query_over_masked_values_every_column_counts_as_masked() -> None:
    before = Lineage.beside({"customers": Lineage.beginning("customers", ["id", "name", "pin"], frozenset({"pin"}))})
    origins = Sql(query="select name from customers").origins({"customers": INPUTS["customers"]})
    assert before.through(origins, ["name"]).private == {"name"}

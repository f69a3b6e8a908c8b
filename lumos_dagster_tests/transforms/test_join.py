"""The `join` transformer against two nested loops."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from lumos_dagster.errors import ConfigError
from lumos_dagster.transforms.join import Join
from lumos_dagster_tests.transforms.running import combine
from lumos_dagster_tests.transforms.tables import LARGE_ROWS, SCHEMA, large_table, random_table, spills

Rows = list[dict[str, Any]]


def looped(how: str, left: Rows, right: Rows, on: list[str]) -> Rows:
    """The pairs of equal keys, in the order of the left rows, then of the right ones; nulls equal nothing."""

    def match(one: dict[str, Any], other: dict[str, Any]) -> bool:
        return all(one[key] is not None and one[key] == other[key] for key in on)

    if how in ("semi", "anti"):
        return [one for one in left if any(match(one, other) for other in right) == (how == "semi")]
    found, lefts, rights = [], [], []
    for one in left:
        pairs = [other for other in right if match(one, other)]
        found += [(one, other) for other in pairs]
        if not pairs and how in ("left", "full"):
            found.append((one, {}))
    if how in ("right", "full"):
        found += [({}, other) for other in right if not any(match(one, other) for one in left)]
    for one, other in found:
        lefts.append({key: one[key] if one else other[key] if key in on else None for key in left[0]})
        rights.append({f"{key}_r": other.get(key) for key in right[0] if key not in on})
    return [a | b for a, b in zip(lefts, rights, strict=True)]


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("how", ["inner", "left", "right", "full", "anti", "semi"])
@pytest.mark.parametrize("on", [["key"], ["key", "name"]])
def test_every_kind_of_join(seed: int, how: str, on: list[str]) -> None:
    left, right = random_table(seed, 40), random_table(seed + 100, 30)
    result = combine(Join, {"how": how, "on": on, "suffix": "_r"}, {"a": left, "b": right}, batch=7)
    assert result.rows == looped(how, left.to_pylist(), right.to_pylist(), on)
    assert result.count.rows_in == 70


def test_keys_of_two_names_are_both_given_and_types_stay() -> None:
    orders = pa.table(
        {"customer": pa.array([1, 2, 9], pa.int32()), "paid": pa.array([1, 2, 3], pa.timestamp("s", "UTC"))}
    )
    customers = pa.table({"id": [2, 1], "name": pa.array(["b", "a"]).dictionary_encode()})
    result = combine(Join, {"how": "left", "on": {"customer": "id"}}, {"orders": orders, "customers": customers})
    assert [list(row.values())[2:] for row in result.rows] == [[1, "a"], [2, "b"], [None, None]]
    assert result.table.schema == pa.schema([*orders.schema, *customers.schema])


def test_a_key_of_one_name_and_two_widths_takes_the_wider_and_comes_from_either_side() -> None:
    tables = {"a": pa.table({"k": pa.array([1], pa.int16())}), "b": pa.table({"k": pa.array([1, 2**40])})}
    result = combine(Join, {"how": "full", "on": "k"}, tables)
    assert result.rows == [{"k": 1}, {"k": 2**40}]
    assert result.table.schema == pa.schema([("k", pa.int64())])


def test_left_names_the_parent_that_is_the_left_side() -> None:
    tables = {"a": pa.table({"k": [1], "x": [1]}), "b": pa.table({"k": [2], "y": [2]})}
    assert combine(Join, {"how": "left", "on": "k", "left": "b"}, tables).rows == [{"k": 2, "y": 2, "x": None}]


@pytest.mark.parametrize("empty", ["a", "b"])
def test_a_side_without_rows_keeps_its_columns(empty: str) -> None:
    tables = {"a": random_table(1), "b": random_table(2)} | {empty: SCHEMA.empty_table()}
    result = combine(Join, {"on": "key", "suffix": "_b"}, tables)
    assert result.rows == []
    assert result.table.schema.names == [
        "key",
        "name",
        "amount",
        "size",
        "place",
        "name_b",
        "amount_b",
        "size_b",
        "place_b",
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"on": "kye"}, r"options\.on: there is no column 'kye'; allowed: .*Did you mean 'key'\?"),
        ({"on": {"key": "kye"}}, r"options\.on: there is no column 'kye'"),
        ({"on": {"key": "name"}}, r"the key 'key' is int64 on the left and string on the right. Convert one"),
        ({"on": "key"}, r"options\.suffix: the field 'name' of b has a name that is taken already. Set suffix"),
        ({"on": "key", "left": "c"}, r"options\.left: not a parent; found 'c'; allowed: a, b"),
        ({"on": {"key": "key", "size": "key"}}, "on names the field 'key' of the right side more than once"),
        ({"on": []}, r"options\.on: must not be empty"),
    ],
)
def test_mistakes_are_told_before_the_first_row(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        combine(Join, options, {"a": random_table(1), "b": random_table(2)})


def test_a_suffixed_name_may_be_taken_too() -> None:
    tables = {"a": pa.table({"k": [1], "x": [1], "x_b": [1]}), "b": pa.table({"k": [1], "x": [1]})}
    with pytest.raises(ConfigError, match="the field 'x' of b has a name that is taken already"):
        combine(Join, {"on": "k", "suffix": "_b"}, tables)


def test_a_join_has_two_parents() -> None:
    with pytest.raises(ConfigError, match="a join has two parents, here are 1: a"):
        combine(Join, {"on": "key"}, {"a": random_table(1)})


def test_more_rows_than_memory_spill_to_the_disk(tmp_path: Path) -> None:
    tables = {"a": large_table(), "b": large_table().select(["number", "text"])}
    options = {"on": "number", "suffix": "_b", "memory_limit": "100MB"}
    result = combine(Join, options, tables, batch=20_000, storage=tmp_path)
    assert result.column("number") == tables["a"]["number"].to_pylist()
    assert result.column("text_b") == result.column("text")
    assert result.table.num_rows == LARGE_ROWS
    assert spills(tmp_path) == []

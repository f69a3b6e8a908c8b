"""The transforms of the examples that the project was given, on real rows."""

from datetime import UTC, date, datetime

import pyarrow as pa

from lumos_dagster.transforms.filter import Filter
from lumos_dagster.transforms.json import Json
from lumos_dagster.transforms.map import Map
from lumos_dagster_tests.transforms.running import NOW, transform


def test_users_are_renamed_filtered_and_dated() -> None:
    users = pa.table(
        {
            "user_id": ["1", "2", "3"],
            "name": ["Ada", "Bob", "Cy"],
            "status": ["active", "inactive", "active"],
            "registration_date": ["31/12/2024", "01/01/2025", None],
        }
    )
    options = {
        "transforms": [
            {"operation": "rename_field", "from": "user_id", "to": "id"},
            {"operation": "filter_field", "field": "status", "condition": "equals", "value": "active"},
            {
                "operation": "format_date",
                "field": "registration_date",
                "from_format": "DD/MM/YYYY",
                "to_format": "YYYY-MM-DD",
            },
        ]
    }

    result = transform(Json, options, users)

    assert result.rows == [
        {"id": "1", "name": "Ada", "status": "active", "registration_date": "2024-12-31"},
        {"id": "3", "name": "Cy", "status": "active", "registration_date": None},
    ]
    assert (result.count.rows_in, result.count.rows_out, result.count.filtered) == (3, 2, 1)


def test_products_get_their_types() -> None:
    products = pa.table({"product_id": ["a"], "price": ["19.9"], "stock": ["007"]})
    options = {
        "transforms": [
            {"operation": "rename_field", "from": "product_id", "to": "_id"},
            {"operation": "convert_field", "field": "price", "type": "float"},
            {"operation": "convert_field", "field": "stock", "type": "int"},
        ]
    }

    result = transform(Json, options, products)

    assert result.rows == [{"_id": "a", "price": 19.9, "stock": 7}]
    assert result.table.schema.names == ["_id", "price", "stock"]
    assert result.table.schema.types == [pa.string(), pa.float64(), pa.int64()]


def test_operations_may_name_themselves_by_type() -> None:
    rows = pa.table({"old_name": ["x", "y"], "status": ["active", "gone"]})
    options = {
        "operations": [
            {"type": "rename", "from": "old_name", "to": "new_name"},
            {"type": "filter", "field": "status", "operator": "equals", "value": "active"},
        ]
    }

    assert transform(Json, options, rows).rows == [{"new_name": "x", "status": "active"}]


def test_prices_become_currency_and_now_is_the_runs_start() -> None:
    products = pa.table({"product_id": ["a", "b"], "price": ["19.9", "1234.565"]})
    options = {
        "transforms": [
            {"operation": "rename_field", "from": "product_id", "to": "id"},
            {"operation": "add_field", "field": "import_date", "value": "$NOW"},
            {"operation": "add_field", "field": "day", "value": "$TODAY"},
            {
                "operation": "format_field",
                "field": "price",
                "formatter": "currency",
                "options": {"decimal_places": 2, "prefix": "¥"},
            },
        ]
    }

    result = transform(Json, options, products)

    assert result.column("price") == ["¥19.90", "¥1234.57"]
    assert result.column("import_date") == [NOW, NOW]
    assert result.column("day") == [date(2026, 3, 4)] * 2
    assert result.table.schema.field("import_date").type == pa.timestamp("us", "UTC")
    assert datetime(2026, 3, 4, 5, 6, 7, 89, UTC) == NOW


def test_the_pipeline_filters_and_maps() -> None:
    rows = pa.table({"value": ["1", "0", "0.5", "-3", "many", None], "name": ["a", "b", "ß", "d", "e", "f"]})

    kept = transform(Filter, {"condition": "value > 0"}, rows)
    mapped = transform(
        Map,
        {"mappings": [{"source": "name", "target": "label", "transform": "value.to_uppercase()"}]},
        kept.table,
    )

    assert kept.column("value") == ["1", "0.5"]
    assert kept.count.filtered == 4
    assert mapped.rows == [{"value": "1", "name": "a", "label": "A"}, {"value": "0.5", "name": "ß", "label": "SS"}]

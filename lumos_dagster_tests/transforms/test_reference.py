"""Every operation's example is run, and the reference page says what the classes say."""

import re
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
import yaml

from lumos_dagster.errors import DataError
from lumos_dagster.transforms.operation import Operation
from lumos_dagster.transforms.operations import OPERATIONS
from lumos_dagster.transforms.reference import PAGE, documented, page
from lumos_dagster_tests.transforms.running import operate


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.names[0])
def test_the_example_is_true(operation: type[Operation]) -> None:
    found = documented(operation)
    options: dict[str, Any] = yaml.safe_load(found.options)

    assert options["operation"] == operation.names[0]
    assert found.rows
    for line in found.rows:
        before, after = line.split(" -> ")
        table = _table(before)
        if after == "bad":
            with pytest.raises(DataError, match="row 1"):
                operate({"on_error": "fail", **options}, table)
            continue
        expected = [] if after == "nothing" else yaml.safe_load(f"[{after}]")
        assert [_shown(row) for row in operate(options, table).rows] == expected


def _table(row: str) -> pa.Table:
    """One row; a null has the type of text where the name does not tell otherwise."""
    values = yaml.safe_load(row)
    kinds = {"n": pa.int64(), "price": pa.int64()}
    columns = {
        name: pa.array([value], kinds.get(name, pa.string()) if value is None else None)
        for name, value in values.items()
    }
    return pa.table(columns)


def _shown(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _shown(inner) for name, inner in value.items()}
    return str(value) if isinstance(value, Decimal) else value


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python -m lumos_dagster.transforms.reference"


def test_the_page_names_every_spelling_and_every_option() -> None:
    sections = re.split(r"^## ", page(), flags=re.MULTILINE)[1:]

    assert [section.splitlines()[0] for section in sections] == [operation.names[0] for operation in OPERATIONS]
    for section, operation in zip(sections, OPERATIONS, strict=True):
        for name in (*operation.names[1:], *(set(operation.option_names()) - {"on_error"})):
            assert f"`{name}`" in section


def test_every_option_is_documented() -> None:
    undocumented = [
        f"{operation.names[0]}.{name}"
        for operation in OPERATIONS
        for name, text in operation.option_texts().items()
        if not text
    ]
    assert undocumented == []

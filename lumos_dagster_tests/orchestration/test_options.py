"""What the launchpad shows of an op's options, and what it never shows."""

from typing import Literal

import dagster as dg
import pytest
from pydantic import AliasChoices, Field

from lumos_dagster.interface import Component, ConnectionString, SecretStr
from lumos_dagster.orchestration.options import changed_options, config_schema
from lumos_dagster_tests.orchestration.parts import entry


class Options(Component):
    """Some options."""

    table_name: str
    """The table, as
    schema.table."""
    load_mode: Literal["insert", "upsert"] = Field("insert", validation_alias=AliasChoices("load_mode", "mode"))
    """What becomes of rows that are there."""
    batch_size: int = 500
    columns: list[str] | None = None
    connection_string: ConnectionString | None = None
    """Where."""
    password: SecretStr | None = None


def schema(**options: object) -> dict[str, dg.Field]:
    return config_schema(entry("load", "loader", Options, options=options))


def test_every_option_is_there_with_the_yamls_value_or_its_own_default_and_its_documentation() -> None:
    fields = schema(table_name="users", batch_size=7)
    assert list(fields) == ["table_name", "load_mode", "batch_size", "columns", "connection_string", "password"]
    assert fields["table_name"].default_value == "users"
    assert fields["table_name"].description == "The table, as schema.table."
    assert fields["load_mode"].default_value == "insert"
    assert fields["batch_size"].default_value == 7
    assert not fields["columns"].default_provided


def test_a_number_written_as_a_placeholder_is_shown_as_written() -> None:
    assert schema(table_name="t", batch_size="${BATCH:-9}")["batch_size"].default_value == "${BATCH:-9}"


@pytest.mark.parametrize(
    ("value", "is_shown"),
    [
        ("jdbc:postgresql://localhost:5432/mydb", True),
        ("${DB_URL}", True),
        ("postgresql://user@host/db", True),
        ("postgresql://user:hunter2@host/db", False),
        ("jdbc:postgresql://host/db?user=a&password=hunter2", False),
        ("host=localhost password=hunter2", False),
    ],
)
def test_a_connection_string_is_shown_only_when_it_tells_no_secret(value: str, is_shown: bool) -> None:
    field = schema(table_name="t", connection_string=value)["connection_string"]
    assert field.default_provided == is_shown
    assert is_shown or "hunter2" not in str(vars(field))


def test_a_password_written_into_the_yaml_is_not_shown() -> None:
    assert not schema(table_name="t", password="hunter2")["password"].default_provided


def test_defaults_written_out_by_the_launchpad_are_no_change() -> None:
    written = entry("load", "loader", Options, options={"table_name": "users"})
    launchpad = {"table_name": "users", "load_mode": "insert", "batch_size": 9}
    assert changed_options(written, launchpad) == {"batch_size": 9}

"""What a connection string may look like, and what is said of one that makes no sense."""

from typing import Any

import pytest
from pydantic import ValidationError

from lumos_dagster.connectors.jdbc import JdbcExtractor, JdbcLoader
from lumos_dagster.connectors.jdbc.address import parse_address
from lumos_dagster.connectors.jdbc.options import split_name

SECRET = "hunter2-canary"


@pytest.mark.parametrize(
    ("text", "where", "user", "password"),
    [
        ("jdbc:postgresql://db.example:5433/shop", ("db.example:5433", "shop"), None, None),
        ("postgresql://db.example/shop", ("db.example:5432", "shop"), None, None),
        ("postgres://db.example/", ("db.example:5432",), None, None),
        ("postgresql+psycopg://ann@db.example/shop", ("db.example:5432", "shop"), "ann", None),
        ("postgresql+psycopg2://ann:pw@db.example/shop", ("db.example:5432", "shop"), "ann", "pw"),
        ("jdbc:postgresql:shop", ("localhost:5432", "shop"), None, None),
        ("jdbc:postgresql:/", ("localhost:5432",), None, None),
        ("jdbc:postgresql:shop?user=ann", ("localhost:5432", "shop"), "ann", None),
        ("jdbc:postgresql:///shop", ("localhost:5432", "shop"), None, None),
        ("jdbc:postgresql://[2001:db8::1]:5433/shop", ("[2001:db8::1]:5433", "shop"), None, None),
        ("jdbc:postgresql://h/shop?user=ann&password=p%40ss%2F1", ("h:5432", "shop"), "ann", "p@ss/1"),
        ("jdbc:postgresql://h:5432/shop?user=ann&password=p@ss", ("h:5432", "shop"), "ann", "p@ss"),
        ("postgresql://ann%40home:p%40ss%3A@h/my%20shop", ("h:5432", "my shop"), "ann@home", "p@ss:"),
        ("postgresql://ann:a/b?c@h/shop", ("h:5432", "shop"), "ann", "a/b?c"),
    ],
)
def test_a_server_is_found_in_every_spelling(
    text: str, where: tuple[str, ...], user: str | None, password: str | None
) -> None:
    address = parse_address(text)

    assert address.place == ("postgresql", *where)
    assert (address.username, address.password) == (user, password)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("jdbc:sqlite:/data/shop.db", "/data/shop.db"),
        ("jdbc:sqlite:shop.db", "shop.db"),
        ("jdbc:sqlite:///data/shop.db", "/data/shop.db"),
        ("sqlite:shop.db", "shop.db"),
        ("sqlite:///shop.db", "shop.db"),
        ("sqlite:////data/shop.db", "/data/shop.db"),
        ("sqlite+pysqlite:////data/my shop%20.db", "/data/my shop%20.db"),
    ],
)
def test_a_file_is_found_in_every_spelling(text: str, path: str) -> None:
    assert parse_address(text).place == ("sqlite", path)


@pytest.mark.parametrize(
    ("query", "parameters"),
    [
        ("ApplicationName=lumos&loginTimeout=3", {"application_name": "lumos", "connect_timeout": "3"}),
        ("ssl=true", {"sslmode": "verify-full"}),
        ("ssl=true&sslmode=require", {"sslmode": "require"}),
        ("ssl=false", {}),
        ("currentSchema=sales", {"options": "-c search_path=sales"}),
        (
            "options=-c%20statement_timeout%3D9&currentSchema=a,b",
            {"options": "-c statement_timeout=9 -c search_path=a,b"},
        ),
    ],
)
def test_parameters_are_those_of_the_jdbc_driver(query: str, parameters: dict[str, str]) -> None:
    assert parse_address(f"jdbc:postgresql://h/shop?{query}").parameters == parameters


@pytest.mark.parametrize("given", [("ann", "new"), (None, "new"), ("ann", None), (None, None)])
def test_user_and_password_given_apart_win(given: tuple[str | None, str | None]) -> None:
    address = parse_address("postgresql://bob:old@h/shop?user=eve", *given)

    assert (address.username, address.password) == (given[0] or "eve", given[1] or "old")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not a known database; allowed: jdbc:postgresql:, .*jdbc:sqlserver:, jdbc:oracle:, jdbc:sqlite:."),
        ("shop.db", "not a known database"),
        ("jdbc:postgresq://h/shop", "not a known database 'postgresq'; .* Did you mean 'postgresql'\\?"),
        ("jdbc:mongodb://h/shop", "not a known database 'mongodb'"),
        ("jdbc:postgresql://h/shop?sslmod=require", "unknown parameter 'sslmod'; allowed: .*Did you mean 'sslmode'\\?"),
        ("jdbc:postgresql://h:99999/shop", "must look like jdbc:postgresql://host:port/database"),
        (f"jdbc:postgresql://ann:{SECRET}@{SECRET}@h/shop", "write @ .* as %40"),
        (f"jdbc:postgresql://ann:{SECRET}@h:port/shop", "must look like"),
        (f"jdbc:postgresql://h/shop?passwort={SECRET}", "unknown parameter 'passwort'; .*Did you mean 'password'\\?"),
        ("jdbc:sqlite:", "name a file"),
        ("sqlite://", "name a file"),
        ("jdbc:sqlite::memory:", "name a file"),
        ("jdbc:sqlite:file:shop.db", "give the file's plain path"),
        ("jdbc:sqlite:shop.db?mode=ro", "unknown parameter 'mode'; allowed: none"),
    ],
)
def test_a_mistake_is_named_without_secrets(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as raised:
        parse_address(text)

    assert SECRET not in str(raised.value)


@pytest.mark.parametrize("component", [JdbcExtractor, JdbcLoader])
def test_no_secret_is_shown(component: Any) -> None:
    url = f"jdbc:postgresql://ann:{SECRET}@h/shop"
    built = component.model_validate({"connection_string": url, "password": SECRET, "table_name": "t"})

    shown = [repr(built), str(built.model_dump()), built.model_dump_json(), built.location(), repr(built.address())]
    assert [text for text in shown if SECRET in text] == []
    with pytest.raises(ValidationError) as raised:
        component.model_validate({"connection_string": f"jdbc:postgresq://ann:{SECRET}@h", "table_name": "t"})
    assert SECRET not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "technology"),
    [
        ("jdbc:postgresql://h/shop", "postgres"), ("sqlite:///x.db", "sqlite"),
        ("${DB_URL}", ""), ("jdbc:postgresql://${HOST}:${PORT}/x", "postgres"),
    ],
)  # fmt: skip
def test_the_icon_is_the_databases(text: str, technology: str) -> None:
    assert JdbcLoader.technology({"connection_string": text}) == technology


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("users", (None, "users")),
        ("sales.users", ("sales", "users")),
        ('"a.b"', (None, "a.b")),
        ('sales."a.b"', ("sales", "a.b")),
        ('"sa.les"."say ""hi"""', ("sa.les", 'say "hi"')),
        ("order", (None, "order")),
        ("with space", (None, "with space")),
        ('we"ird', (None, 'we"ird')),
        ('"open', (None, '"open')),
    ],
)
def test_a_table_name_may_be_qualified_and_quoted(name: str, parts: tuple[str | None, str]) -> None:
    assert split_name(name) == parts


def test_the_same_table_is_the_same_place_with_and_without_its_schema() -> None:
    def place(table: str) -> str:
        return JdbcLoader(connection_string="jdbc:postgresql://h/shop", table_name=table).location()

    assert place("public.t") == place("t") != place("sales.t")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "give either query or table_name"),
        ({"query": "select 1", "table_name": "t"}, "give either query or table_name, not both"),
        ({"query": "select 1", "where": "x"}, "columns and where go with table_name"),
    ],
)
def test_an_extractor_reads_one_thing(options: dict[str, str], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        JdbcExtractor.model_validate({"connection_string": "sqlite:///x.db", **options})

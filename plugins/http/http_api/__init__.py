"""Reads the records of a JSON API, page by page, as a plugin written in Python."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import jmespath
import pyarrow as pa
from pydantic import Field, field_validator, model_validator

from lumos_dagster.errors import DataError
from lumos_dagster.interface import Extractor, SecretStr, StrictModel, Task

Type = Literal["bool", "int64", "float64", "string", "date32", "json"]


class Pagination(StrictModel):
    """How the API parts its answer."""

    style: Literal["page", "offset", "cursor", "link"]
    """Pages counted, records counted, a cursor out of the last answer, or its `Link: <..>; rel="next"` header."""
    param: str = ""
    """The parameter that says where to go on: `page`, `offset` or `cursor` where nothing else is said."""
    first: int = 0
    """What the first page's or record's number is."""
    size: int = Field(100, gt=0)
    """How many records make a page."""
    size_param: str = ""
    """The parameter that says so to the API; left out where it is empty."""
    next: str = "next"
    """The JMESPath of the next cursor in an answer; null or "" at the end."""


class Http(Extractor):
    """The records of a JSON API."""

    url: str
    """Where the API is."""
    params: dict[str, str | int | float | bool] = Field(default_factory=dict)
    """Parameters of the query; `${..}` makes them the run's own, which is how to read only what is new."""
    headers: dict[str, str] = Field(default_factory=dict)
    """More headers, none of them secret."""
    token: SecretStr | None = None
    """Who asks: sent as `Authorization: Bearer ..`, or as it is in `token_header`."""
    token_header: str = ""
    """The header that the token goes into, such as `X-Api-Key`."""
    username: str = ""
    """Who asks, where the API wants basic authentication."""
    password: SecretStr | None = None
    """The password for it."""
    records: str = "@"
    """The JMESPath of the list of records in an answer."""
    columns: dict[str, Type] = Field(default_factory=dict)
    """The columns that are read, with their types; those of the first page where it is empty."""
    pagination: Pagination | None = None
    """How the API parts its answer; it does not where this is left out."""
    timeout: float = Field(30.0, gt=0)
    """Seconds that one answer may take to come."""
    retries: int = Field(4, ge=0, le=20)
    """How often a request is sent again when the API is busy or cannot be reached."""

    @field_validator("url")
    @classmethod
    def _is_http(cls, url: str) -> str:
        if not url.startswith(("http://", "https://")):
            raise ValueError("must begin with http:// or https://")
        return url

    @field_validator("records")
    @classmethod
    def _is_a_path(cls, path: str) -> str:
        try:
            jmespath.compile(path)
        except jmespath.exceptions.JMESPathError as error:
            raise ValueError(f"is no JMESPath: {error}") from None
        return path

    @model_validator(mode="after")
    def _one_way_to_say_who(self) -> "Http":
        if self.token is not None and self.username:
            raise ValueError("takes a token or a username, not both")
        return self

    @contextmanager
    def read(self, task: Task) -> Iterator[pa.RecordBatchReader]:
        """All records, a batch to a page."""
        # Only here: every process that looks at the plugins imports this module.
        from .client import Client, Request
        from .pages import pages_of

        request = Request(self.url, dict(self.params))
        with Client(self.headers | self._who(), self._basic(), self.timeout, self.retries, task) as client:
            pages = pages_of(client, request, self.records, self.pagination)
            first = next(pages, [])
            schema = self._schema(first)
            yield pa.RecordBatchReader.from_batches(schema, self._batches(first, pages, schema))

    def _who(self) -> dict[str, str]:
        if self.token is None:
            return {}
        token = self.token.get_secret_value()
        return {self.token_header: token} if self.token_header else {"Authorization": f"Bearer {token}"}

    def _basic(self) -> tuple[str, str] | None:
        return (self.username, self.password.get_secret_value() if self.password else "") if self.username else None

    def _schema(self, first: list[dict[str, Any]]) -> pa.Schema:
        if self.columns:
            return pa.schema({name: _arrow(kind) for name, kind in self.columns.items()})
        names = dict.fromkeys(name for record in first for name in record)
        columns = {name: _column(name, [record.get(name) for record in first], None) for name in names}
        return pa.schema({name: pa.string() if pa.types.is_null(c.type) else c.type for name, c in columns.items()})

    def _batches(
        self, first: list[dict[str, Any]], pages: Iterator[list[dict[str, Any]]], schema: pa.Schema
    ) -> Iterator[pa.RecordBatch]:
        records: list[dict[str, Any]] | None = first
        while records is not None:
            if not self.columns and (new := {name for record in records for name in record} - set(schema.names)):
                raise DataError(f"{self.url}: a later page has the field {min(new)!r}: name the fields in `columns`")
            columns = [self._typed(name, [record.get(name) for record in records], schema) for name in schema.names]
            yield pa.RecordBatch.from_arrays(columns, schema=schema)
            records = next(pages, None)

    def _typed(self, name: str, values: list[Any], schema: pa.Schema) -> pa.Array:
        kind = self.columns.get(name)
        if kind == "json":
            import json

            values = [value if value is None else json.dumps(value, ensure_ascii=False) for value in values]
        return _column(name, values, schema.field(name).type)


def _arrow(kind: Type) -> pa.DataType:
    return pa.string() if kind == "json" else pa.type_for_alias(kind)


def _column(name: str, values: list[Any], kind: pa.DataType | None) -> pa.Array:
    try:
        if kind is not None and pa.types.is_date32(kind):
            return pa.array(values, pa.string()).cast(kind)
        return pa.array(values, kind)
    except (pa.ArrowException, OverflowError, TypeError, ValueError) as error:
        raise DataError(f"field {name!r}: {error}. Say in `columns` what it is: json takes anything.") from None

"""Small components with one option of each sort, and files made of them."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent
from typing import Literal

import pyarrow as pa
from pydantic import AliasChoices, Field, model_validator

from lumos_dagster.accounting import Task
from lumos_dagster.config import parse_job
from lumos_dagster.config.model import Entry, JobFile
from lumos_dagster.errors import ConfigError, Problem
from lumos_dagster.interface import ConnectionString, Extractor, Loader, LoadResult, OnError, StrictModel, Transformer

EXAMPLES = Path(__file__).parent / "examples"


class Read(Extractor):
    """Reads a file."""

    file_path: str | list[str]
    """Which."""
    has_header: bool = True
    """Whether the first line names the columns."""
    delimiter: str = ","
    """What stands between two values."""

    def read(self, task: Task) -> AbstractContextManager[pa.RecordBatchReader]:
        raise NotImplementedError


class Change(StrictModel):
    """One operation."""

    operation: Literal["upper", "lower"]
    fields: list[str] = Field(validation_alias=AliasChoices("field", "fields"))
    on_error: OnError | None = None


class Edit(Transformer):
    """Changes rows."""

    transforms: list[Change] = Field(default=[], validation_alias=AliasChoices("transforms", "operations"))
    """What is done."""

    def bind(self, schema: pa.Schema) -> pa.Schema:
        return schema

    def apply(self, rows: pa.RecordBatchReader, task: Task) -> pa.RecordBatchReader:
        return rows


class Write(Loader):
    """Writes a table."""

    connection_string: ConnectionString
    """Where."""
    table_name: str | None = None
    """Which table."""
    query: str | None = None
    """What instead of a table."""
    load_mode: Literal["insert", "upsert"] = Field(default="insert", validation_alias=AliasChoices("load_mode", "mode"))
    """How."""
    batch_size: int = Field(default=500, gt=0)
    """Rows to a batch."""

    @model_validator(mode="after")
    def _one_target(self) -> "Write":
        if self.table_name and self.query:
            raise ValueError("takes table_name or query, not both")
        return self

    def target(self) -> tuple[str, ...]:
        return (self.table_name or "",)

    def write(self, rows: pa.RecordBatchReader, task: Task) -> LoadResult:
        raise NotImplementedError


class Print(Loader):
    """Shows rows; has no option that must be given."""

    limit: int = 20
    """How many."""

    def target(self) -> tuple[str, ...]:
        return ()

    def write(self, rows: pa.RecordBatchReader, task: Task) -> LoadResult:
        raise NotImplementedError


@dataclass(frozen=True)
class SmallCatalog:
    """As the catalogue, with the components of this file."""

    extractors: Mapping[str, type[Extractor]] = field(default_factory=lambda: {"csv": Read})
    transformers: Mapping[str, type[Transformer]] = field(default_factory=lambda: {"json": Edit, "basic": Edit})
    loaders: Mapping[str, type[Loader]] = field(default_factory=lambda: {"jdbc": Write, "console": Print})
    unusable: Mapping[str, str] = field(default_factory=dict)


CATALOG = SmallCatalog()

ONE = "jobs: {a: {type: extractor, extractor_type: csv, options: {file_path: a}%s}}\n"
"""One entry, with room for more of its keys."""


def parse(text: str, file: str = "jobs/orders.yaml") -> JobFile:
    """The job of a text."""
    return parse_job(text, file, CATALOG)


def mistakes(text: str, file: str = "jobs/orders.yaml") -> tuple[Problem, ...]:
    """What is wrong with a text; nothing is no answer."""
    try:
        job = parse(text, file)
    except ConfigError as error:
        return error.problems
    raise AssertionError(f"no mistake was found: {job}")


def entry(job: JobFile, name: str) -> Entry:
    """The entry of that name."""
    found = next(entry for entry in job.entries if entry.name == name)
    assert isinstance(found, Entry)
    return found


def job(jobs: str, rest: str = "") -> str:
    """The text of a file with these jobs."""
    return "version: 1\nname: Orders\n" + dedent(jobs) + dedent(rest)

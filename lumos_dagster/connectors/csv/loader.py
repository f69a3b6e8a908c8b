"""The CSV loader: its options, and how a file is written whole or not at all."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal, Self

import pyarrow as pa
from pydantic import Field, model_validator

from lumos_dagster.ahead import ahead
from lumos_dagster.connectors.csv.appending import Appending, Load, appending
from lumos_dagster.connectors.csv.dialect import Dialect
from lumos_dagster.connectors.csv.options import Encoding, Mark, OneLine, check_marks
from lumos_dagster.connectors.csv.packing import Compression, Sink, packed, packing_of
from lumos_dagster.connectors.csv.pouring import Encoder, Pour
from lumos_dagster.connectors.csv.reading import CsvFiles, Layout
from lumos_dagster.connectors.csv.rendering import Quoting, Renderer
from lumos_dagster.connectors.csv.source import open_csv, place_of
from lumos_dagster.errors import ConfigError, DataError, Problem, TerminalError
from lumos_dagster.files import absolute, dataset, is_local, open_atomic, shown
from lumos_dagster.interface import Loader, LoadResult, Task, Texts
from lumos_dagster.passage import Passage
from lumos_dagster.problems import near, repeated
from lumos_dagster.values import Raw


class CsvLoader(Loader):
    """Writes a CSV file. Values are ISO 8601, exact decimals and the shortest exact floats; binary is hex, what is
    nested JSON. Null is an unquoted empty field and "" a quoted one, so that both survive.
    """

    file_path: Annotated[str, Field(min_length=1)]
    """A path or fsspec URL. Its folder is made if need be."""
    mode: Literal["overwrite", "append"] | None = None
    """overwrite (the default): the file holds exactly these rows afterwards. append: they come behind the old ones,
    in a file on this machine; a compressed one gets a member more."""
    append: bool = False
    """The same as mode: append."""
    delimiter: Annotated[OneLine, Field(min_length=1)] = ","
    """What stands between two fields: one or more characters."""
    write_header: bool = True
    """Whether the first line names the columns. An old file's names must agree when rows are appended."""
    fields: Texts | None = None
    """The columns to write, in this order; all if not said."""
    encoding: Encoding = "utf-8"
    """The text's encoding: any that Python knows."""
    quote: Mark = '"'
    """What encloses a field; doubled inside it stands for itself."""
    quoting: Quoting = "minimal"
    """minimal: fields that need it. non_numeric: all but numbers. all: all. none: never; what needs it is a bad row,
    and so is a text that would be read as null. Null is never quoted."""
    line_terminator: Literal["\n", "\r\n", "\r"] = "\n"
    """What ends a line."""
    null_value: OneLine = ""
    """What is written for null. A text that is the same is quoted."""
    formula_guard: Literal["off", "escape", "reject"] = "off"
    """Texts and column names that a spreadsheet would run as a formula: written as they are (off), behind a ' (escape),
    or treated as bad rows (reject)."""
    compression: Compression | None = None
    """By the file's suffix if not said."""

    @classmethod
    def datasets(cls, options: Mapping[str, Raw]) -> tuple[tuple[str, ...], ...]:
        """The path."""
        path = options.get("file_path")
        return (("csv", *dataset(str(path))),) if path else ()

    @model_validator(mode="after")
    def _options_agree(self) -> Self:
        check_marks({"delimiter": self.delimiter, "quote": self.quote})
        if self.append and self.mode == "overwrite":
            raise ValueError("append: true and mode: overwrite contradict each other")
        if not self.quote and self.quoting != "none":
            raise ValueError("without a quote, quoting must be none")
        marks = [mark for mark in (self.delimiter[0], self.quote) if mark and mark in self.null_value]
        if marks:
            raise ValueError(f"null_value cannot hold {marks[0]!r}, or it would not be read as null")
        for name, mark in (("delimiter", self.delimiter), ("quote", self.quote), ("null_value", self.null_value)):
            if Encoder(self.encoding).encode(mark) is None:
                raise ValueError(f"the {name} {mark!r} does not exist in {self.encoding}")
        return self

    @property
    def _appends(self) -> bool:
        return self.append or self.mode == "append"

    @property
    def _packing(self) -> Compression:
        return packing_of(self.file_path, self.compression)

    @property
    def _is_usual(self) -> bool:
        """Whether the file is spelled as nearly all are: as the defaults say, but for its place and its packing."""
        spelling = {"delimiter", "quote", "quoting", "line_terminator", "null_value", "write_header", "formula_guard"}
        fields = type(self).model_fields
        return self.encoding == "utf-8" and all(getattr(self, name) == fields[name].default for name in spelling)

    def target(self) -> tuple[str, ...]:
        """The kind and the place of the file."""
        return ("csv", shown(absolute(self.file_path)))

    def location(self) -> str:
        """The absolute path, or the URL, whatever link leads to it."""
        return shown(place_of(self.file_path))

    def takes_as_sent(self, passage: Passage, schema: pa.Schema) -> str:
        """CSV, where the file is a new one in the usual spelling, and holds just these columns."""
        fits = not self._appends and self._is_usual and list(self.fields or schema.names) == schema.names
        return "csv" if fits and passage.kinds("csv") is not None else ""

    def write(self, rows: pa.RecordBatchReader, task: Task) -> LoadResult:
        """Write the rows."""
        names = self._names(rows.schema)
        pour = Pour(self._renderer(), names, self.formula_guard == "reject", task)
        task.names = {name: name for name in self.fields or rows.schema.names}
        with _naming(shown(self.file_path)):
            return self._append(rows, pour) if self._appends else self._overwrite(rows, pour)

    def _names(self, schema: pa.Schema) -> list[str]:
        names, there = list(self.fields or schema.names), set(schema.names)
        if missing := [name for name in names if name not in there]:
            raise ConfigError(
                Problem(
                    f"fields: there is no column {name!r}", allowed=tuple(schema.names), hint=near(name, schema.names)
                )
                for name in missing
            )
        doubled = {*repeated(names), *repeated(schema.names)}
        if twice := [name for name in names if name in doubled]:
            raise ConfigError(Problem(f"two columns are named {twice[0]!r}, and the file could not be read by name"))
        if self.write_header and "" in names:
            raise ConfigError(Problem("a column has no name, and the file could not be read by name; rename it"))
        return names

    def _renderer(self) -> Renderer:
        escape = self.formula_guard == "escape"
        return Renderer(self.delimiter, self.quote, self.quoting, self.line_terminator, self.null_value, escape)

    def _overwrite(self, rows: pa.RecordBatchReader, pour: Pour) -> LoadResult:
        with open_atomic(self.file_path) as stream:
            with packed(stream, self._packing) as sink:
                encoder, beginning = self._anew(pour)
                sink.write(beginning)
                written = self._poured(rows, pour, encoder, sink)
            pour.task.cancellation.check()
            return LoadResult(inserted=written, bytes=stream.tell())

    def _poured(self, rows: pa.RecordBatchReader, pour: Pour, encoder: Encoder, sink: Sink) -> int:
        """How many rows were written: as their source spells them, where that is how they are spelled here."""
        passage, task = pour.task.passage, pour.task
        if passage is None or not (form := self.takes_as_sent(passage, rows.schema)):
            return pour.into(rows, encoder, sink.write)
        with passage.open(form, task.sample) as pieces, ahead(pieces) as made:
            for piece in made:
                sink.write(piece)
        task.passed(passage.rows)
        task.log(f"{task.op}: the rows were written as the source sent them")
        return passage.rows

    def _anew(self, pour: Pour) -> tuple[Encoder, bytes]:
        encoder = Encoder(self.encoding)
        return encoder, pour.header(encoder) if self.write_header and pour.names else b""

    def _append(self, rows: pa.RecordBatchReader, pour: Pour) -> LoadResult:
        if not is_local(self.file_path):
            raise ConfigError(
                f"rows can only be appended to a file on this machine, not to {shown(self.file_path)}: write a file "
                "for each load (its name may hold ${RUN_ID}) and read them all by a glob"
            )
        task = pour.task
        load = Load(task.run.load_id, task.run.job, task.op)
        with appending(Path(absolute(self.file_path)), load, task.cancellation.check) as file:
            if file.finished:
                task.log(f"{task.op}: this load's rows are in {self.file_path} already; nothing is appended again")
                return LoadResult(inserted=pour.into(rows, Encoder(self.encoding), lambda _: None))
            encoder, beginning = self._behind_old(file, pour) if file.before else self._anew(pour)
            with packed(file, self._packing) as sink:
                sink.write(beginning)
                written = pour.into(rows, encoder, sink.write)
            task.cancellation.check()
            return LoadResult(inserted=written, bytes=file.file.tell() - file.before)

    def _behind_old(self, file: Appending, pour: Pour) -> tuple[Encoder, bytes]:
        """Hold the new columns against the old ones; the encoding that was found, and what ends the last line."""
        dialect = Dialect(delimiter=self.delimiter.encode(), quote=self.quote.encode(), encoding=self.encoding)
        layout = Layout(dialect, has_header=self.write_header, compression=self._packing)
        old = list(CsvFiles([self.file_path], layout, pour.task).header())
        if len(old) != len(pour.names) or (self.write_header and old != pour.written_names):
            found = ", ".join(old) if self.write_header else f"{len(old)} in number"
            raise DataError(
                f"the columns of {self.file_path} are {found}, but the new ones are {', '.join(pour.names)}. "
                "Choose and order them by fields, or write another file."
            )
        with open_csv(self.file_path, self.encoding, self._packing) as text:
            encoder = Encoder(text.encoding)
            ended = text.ends_a_line(file.file if self._packing == "none" else None)
        return encoder, b"" if ended else encoder.encode(self.line_terminator) or b""


@contextmanager
def _naming(path: str) -> Iterator[None]:
    """What the system refuses, in our words."""
    try:
        yield
    except OSError as error:
        raise TerminalError(f"the file {path} cannot be written: {error.strerror or error}") from error

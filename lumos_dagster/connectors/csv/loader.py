"""The CSV loader: its options, and how a file is written whole or not at all."""

import bz2
import codecs
import gzip
import lzma
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BufferedIOBase
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal, Self

import pyarrow as pa
from pydantic import Field, model_validator

from lumos_dagster.connectors.csv.appending import Load, appending
from lumos_dagster.connectors.csv.dialect import Dialect
from lumos_dagster.connectors.csv.options import Encoding, Mark, OneLine, check_marks
from lumos_dagster.connectors.csv.reading import CsvFiles, Layout
from lumos_dagster.connectors.csv.rendering import Quoting, Renderer, formula_rows
from lumos_dagster.errors import ConfigError, DataError, Problem, TerminalError
from lumos_dagster.files import absolute, is_local, open_atomic
from lumos_dagster.interface import BadRow, Loader, LoadResult, Task, Texts
from lumos_dagster.problems import near

Compression = Literal["none", "gzip", "zstd", "bz2", "xz"]
_SUFFIXES: dict[str, Compression] = {".gz": "gzip", ".zst": "zstd", ".bz2": "bz2", ".xz": "xz"}
_MARKED = {"utf-16": "utf-16-le", "utf-32": "utf-32-le"}


class CsvLoader(Loader):
    """Writes a CSV file. Values are ISO 8601, exact decimals and the shortest exact floats; binary is hex, what is
    nested JSON. Null is an unquoted empty field and "" a quoted one, so that both survive.
    """

    file_path: Annotated[str, Field(min_length=1)]
    """A path or fsspec URL. Its folder is made if need be."""
    mode: Literal["overwrite", "append"] | None = None
    """overwrite (the default): the file holds exactly these rows afterwards. append: they come behind the old ones."""
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
    """minimal: fields that need it. non_numeric: all but numbers. all: all. none: never; what needs it is an error.
    Null is never quoted."""
    line_terminator: Literal["\n", "\r\n", "\r"] = "\n"
    """What ends a line."""
    null_value: OneLine = ""
    """What is written for null. A text that is the same is quoted."""
    formula_guard: Literal["off", "escape", "reject"] = "off"
    """Texts that a spreadsheet would run as a formula: written as they are, behind a ', or treated as bad rows."""
    compression: Compression | None = None
    """By the file's suffix if not said."""

    @model_validator(mode="after")
    def _options_agree(self) -> Self:
        check_marks({"delimiter": self.delimiter, "quote": self.quote})
        if self.append and self.mode == "overwrite":
            raise ValueError("append: true and mode: overwrite contradict each other")
        if not self.quote and self.quoting != "none":
            raise ValueError("without a quote, quoting must be none")
        marks = [mark for mark in (self.delimiter, self.quote) if mark and mark in self.null_value]
        if marks:
            raise ValueError(f"null_value cannot hold {marks[0]!r}, or it would not be read as null")
        if not self._appends:
            return self
        if self._packing != "none":
            raise ValueError(f"rows cannot be appended to a compressed file ({self._packing})")
        if self.encoding in _MARKED:
            raise ValueError(f"rows cannot be appended in {self.encoding}: say {_MARKED[self.encoding]} or utf-8")
        return self

    @property
    def _appends(self) -> bool:
        return self.append or self.mode == "append"

    @property
    def _packing(self) -> Compression:
        return self.compression or _SUFFIXES.get(PurePosixPath(self.file_path).suffix.lower(), "none")

    def target(self) -> tuple[str, ...]:
        """The kind and the place of the file."""
        return ("csv", self.location())

    def location(self) -> str:
        """The absolute path, or the URL."""
        return absolute(self.file_path)

    def write(self, rows: pa.RecordBatchReader, task: Task) -> LoadResult:
        """Write the rows."""
        names = self._names(rows.schema)
        pour = _Pour(self._renderer(), names, self.formula_guard == "reject", task)
        with _naming(self.file_path):
            return self._append(rows, pour) if self._appends else self._overwrite(rows, pour)

    def _names(self, schema: pa.Schema) -> list[str]:
        names = list(self.fields or schema.names)
        if missing := [name for name in names if name not in schema.names]:
            raise ConfigError(
                Problem(
                    f"fields: there is no column {name!r}", allowed=tuple(schema.names), hint=near(name, schema.names)
                )
                for name in missing
            )
        if twice := [name for name in names if names.count(name) > 1 or schema.names.count(name) > 1]:
            raise ConfigError(Problem(f"two columns are named {twice[0]!r}, and the file could not be read by name"))
        return names

    def _renderer(self) -> Renderer:
        escape = self.formula_guard == "escape"
        return Renderer(self.delimiter, self.quote, self.quoting, self.line_terminator, self.null_value, escape)

    def _overwrite(self, rows: pa.RecordBatchReader, pour: "_Pour") -> LoadResult:
        with open_atomic(self.file_path) as stream:
            with _packed(stream, self._packing) as packed:
                encode = _encoder(self.encoding)
                if self.write_header and pour.names:
                    packed.write(encode(pour.renderer.header(pour.names)))
                written = pour.into(rows, lambda text: packed.write(encode(text)))
            pour.task.cancellation.check()
            return LoadResult(inserted=written, bytes=stream.tell())

    def _append(self, rows: pa.RecordBatchReader, pour: "_Pour") -> LoadResult:
        if not is_local(self.file_path):
            raise ConfigError(f"rows can only be appended to a file on this machine, not to {self.file_path}")
        task = pour.task
        load = Load(task.run.load_id, task.run.job, task.op)
        with appending(Path(self.location()), load, task.cancellation.check) as file:
            if file.finished:
                task.log(f"{task.op}: this load's rows are in {self.file_path} already; nothing is appended again")
                return LoadResult(inserted=pour.into(rows, lambda _: None))
            fresh = file.before == 0
            encode = _encoder(self.encoding if fresh else self.encoding.removesuffix("-sig"))
            if fresh and self.write_header and pour.names:
                file.write(encode(pour.renderer.header(pour.names)))
            elif not fresh:
                self._check_header(pour)
                if not self._ends_a_line(file.file):
                    file.write(encode(self.line_terminator))
            written = pour.into(rows, lambda text: file.write(encode(text)))
            task.cancellation.check()
            return LoadResult(inserted=written, bytes=file.file.tell() - file.before)

    def _check_header(self, pour: "_Pour") -> None:
        if not self.write_header:
            return
        dialect = Dialect(delimiter=self.delimiter.encode(), quote=self.quote.encode())
        old = CsvFiles([self.file_path], Layout(dialect, self.encoding), pour.task).header()
        if list(old) != pour.names:
            raise DataError(
                f"the columns of {self.file_path} are {', '.join(old)}, but the new ones are {', '.join(pour.names)}. "
                "Choose and order them by fields, or write another file."
            )

    def _ends_a_line(self, stream: Any) -> bool:
        ends = [_encoder(self.encoding.removesuffix("-sig"))(end) for end in ("\n", "\r")]
        stream.seek(-len(ends[0]), 2)
        return stream.read() in ends


class _Pour:
    """The way of the rows from a reader into text."""

    def __init__(self, renderer: Renderer, names: list[str], rejects_formulas: bool, task: Task) -> None:
        self.renderer = renderer
        self.names = names
        self.task = task
        self._rejects_formulas = rejects_formulas
        self._seen = 0

    def into(self, rows: pa.RecordBatchReader, sink: Callable[[str], Any]) -> int:
        """Render every batch into `sink`; how many rows that were."""
        written = 0
        for batch in rows:
            kept = self._without_formulas(batch) if self._rejects_formulas else batch
            sink(self.renderer.rows(kept.select(self.names)))
            self.task.accept(kept)
            written += kept.num_rows
            self._seen += batch.num_rows
        return written

    def _without_formulas(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        bad = formula_rows(batch.select(self.names))
        on_error = self.task.on_error
        rows = (
            BadRow(self._seen + index + 1, "", row, "a text in it would be taken as a formula", row)
            for index, row in zip(_positions(bad), batch.filter(bad).to_pylist(), strict=True)
        )
        self.task.bad_rows(rows, bad.true_count, "fail" if on_error == "null" else on_error)
        return batch.filter(pa.compute.invert(bad)) if bad.true_count else batch


def _positions(mask: pa.BooleanArray) -> list[int]:
    return [index for index, set_ in enumerate(mask.to_pylist()) if set_]


def _encoder(encoding: str) -> Callable[[str], bytes]:
    """One encoder for the whole file, so that a byte order mark is written once."""
    encoder = codecs.getincrementalencoder(encoding)()

    def encode(text: str) -> bytes:
        try:
            return encoder.encode(text)
        except UnicodeEncodeError as error:
            raise DataError(
                f"{error.object[error.start : error.end]!r} does not exist in {encoding}; choose utf-8, or convert it"
            ) from None

    return encode


@contextmanager
def _packed(stream: BufferedIOBase, packing: Compression) -> Iterator[Any]:
    match packing:
        case "none":
            yield stream
        case "zstd":
            yield _Zstd(stream)
        case "gzip":
            with gzip.GzipFile(filename="", mode="wb", fileobj=stream, mtime=0) as packed:
                yield packed
        case "bz2":
            with bz2.BZ2File(stream, "wb") as packed:
                yield packed
        case "xz":
            with lzma.LZMAFile(stream, "wb") as packed:  # type: ignore[arg-type] # any binary stream will do
                yield packed


class _Zstd:
    """A frame for each piece of text; a file of many frames is one text."""

    def __init__(self, stream: BufferedIOBase) -> None:
        self._stream = stream
        self._codec = pa.Codec("zstd")

    def write(self, data: bytes) -> None:
        if data:
            self._stream.write(self._codec.compress(data, asbytes=True))


@contextmanager
def _naming(path: str) -> Iterator[None]:
    """What the system refuses, in our words."""
    try:
        yield
    except OSError as error:
        raise TerminalError(f"the file {path} cannot be written: {error.strerror or error}") from error

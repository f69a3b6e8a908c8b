"""Files on a web server and on other file systems."""

import functools
import gzip
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from lumos_dagster.accounting import Book
from lumos_dagster.connectors.csv.extractor import CsvExtractor
from lumos_dagster.connectors.csv.loader import CsvLoader
from lumos_dagster.errors import ConfigError, DataError, TerminalError, TransientError
from lumos_dagster_tests.connectors.csv.parts import failing, read, rows_of

TEXT = b'a,b\n1,"<a href=""x.csv"">http://127.0.0.1/y.csv</a>"\n'


class _Server(http.server.SimpleHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/500.csv":
            self.send_error(500)
        elif self.path == "/403.csv":
            self.send_error(403)
        elif self.path == "/cut.csv":
            self.send_response(200)
            self.send_header("Content-Length", "100")
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(TEXT)
        elif self.command == "HEAD":
            super().do_HEAD()
        else:
            super().do_GET()

    do_HEAD = do_GET  # noqa: N815 - the server's own names

    def log_message(self, *_: object) -> None:
        """Nothing: the tests' output is not for it."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """The address of a server of the test's folder."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Server, directory=tmp_path)) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


def test_a_file_of_a_web_server(server: str, tmp_path: Path, book: Book) -> None:
    (tmp_path / "a.csv").write_bytes(TEXT)
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(TEXT))
    rows = [("1", '<a href="x.csv">http://127.0.0.1/y.csv</a>')]

    for name in ("a.csv", "a.csv.gz", "a.csv.gz?signature=hunter2"):
        assert rows_of(read(book, f"{server}/{name}")) == rows

    named = read(book, f"{server}/a.csv?signature=hunter2", filename_column="file")["file"].to_pylist()
    assert named == [f"{server}/a.csv?***"]
    assert "hunter2" not in CsvExtractor(file_path=f"{server}/a.csv?signature=hunter2").location()


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("none.csv", TerminalError, "there is no file"),
        ("403.csv", TerminalError, "cannot be read: HTTP 403"),
        ("500.csv", TransientError, "cannot be read: HTTP 500"),
        ("cut.csv", TransientError, "cannot be read: ClientPayloadError"),
    ],
)
def test_what_a_web_server_refuses(server: str, book: Book, name: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message) as caught:
        read(book, f"{server}/{name}?signature=hunter2" if name == "none.csv" else f"{server}/{name}")

    assert "hunter2" not in str(caught.value)


def test_a_file_elsewhere_is_replaced_whole_or_not_at_all(book: Book) -> None:
    rows, url = pa.table({"a": ["1"]}), "memory://lumos-replaced/a.csv.gz"
    with book.task("load") as task:
        CsvLoader(file_path=url).write(rows.to_reader(), task)
    with book.task("load") as task, pytest.raises(DataError, match="broken"):
        CsvLoader(file_path=url).write(failing(rows, DataError("broken")), task)

    assert read(book, url) == rows
    with pytest.raises(ConfigError, match=r"file on this machine.*RUN_ID"), book.task("load") as task:
        CsvLoader(file_path=url, append=True).write(rows.to_reader(), task)

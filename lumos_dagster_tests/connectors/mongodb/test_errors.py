"""What is said when the server, the password or the address is wrong."""

import socket
import threading
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

from lumos_dagster.accounting import Book, Count
from lumos_dagster.connectors.mongodb import MongoExtractor, MongoLoader
from lumos_dagster.errors import ConfigError, TerminalError, TransientError
from lumos_dagster.interface import LoadResult

Read = Callable[..., tuple[pa.Table, Count]]
Load = Callable[..., LoadResult]


def test_nobody_there_may_pass_and_shows_no_password(place: dict[str, Any], book: Book) -> None:
    place["connection_string"] = "mongodb://ann:hunter2@127.0.0.1:1/?serverSelectionTimeoutMS=100"
    loader = MongoLoader(**place)

    with (
        book.task("load") as task,
        pytest.raises(TransientError, match=r"127\.0\.0\.1:1/.*Connection refused") as caught,
    ):
        loader.write(pa.table({"a": [1]}).to_reader(), task)

    assert "hunter2" not in f"{caught.value}{loader!r}{loader}{loader.target()}{loader.location()}"


def test_a_wrong_password_is_not_retried(mongodb_url: str, place: dict[str, Any], book: Book) -> None:
    place["connection_string"] = mongodb_url.replace("://", "://ann:hunter2@")

    with book.task("read") as task, pytest.raises(TerminalError, match="user or password is wrong") as caught:
        MongoExtractor(**place).read(task).__enter__()

    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["mongodb://ann:hunter2@h:port/x", "mongo://ann:hunter2@h", "mongodb://ann:hunter2/3@h/"]
)
def test_a_url_that_is_none_is_a_configuration_error_without_the_password(
    place: dict[str, Any], book: Book, url: str
) -> None:
    extractor = MongoExtractor(**place | {"connection_string": url})

    with book.task("read") as task, pytest.raises(ConfigError, match="percent-encoded") as caught:
        extractor.read(task).__enter__()

    assert caught.value.__cause__ is caught.value.__context__ is None
    assert "hunter2" not in f"{caught.value}{extractor.location()}"


def test_a_cancelled_attempt_ends_with_the_reason_given(place: dict[str, Any], book: Book) -> None:
    """The server takes the connection and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        place["connection_string"] = f"mongodb://127.0.0.1:{silent.getsockname()[1]}/?serverSelectionTimeoutMS=60000"
        stop = threading.Timer(0.3, book.cancellation.cancel, [TerminalError("enough")])
        stop.start()
        with book.task("read") as task, pytest.raises(TerminalError, match="enough"):
            MongoExtractor(**place).read(task).__enter__()
        stop.join()

"""The `http` example plugin against a real server on the loopback interface."""

import base64
import importlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pyarrow as pa
import pytest

from lumos_dagster.accounting import Book, Task
from lumos_dagster.errors import DataError, Interrupted, TerminalError, TransientError
from lumos_dagster.values import RunContext

PLUGIN = Path(__file__).parents[2] / "plugins" / "http"
RECORDS = [{"id": number, "name": f"n{number}"} for number in range(1, 8)]

Answer = tuple[int, dict[str, str], Any]


class Api:
    """A server whose answers a function makes of the query, the headers and the number of the request."""

    def __init__(self) -> None:
        self.answer: Callable[[dict[str, str], int], Answer] = lambda query, _: (200, {}, RECORDS)
        self.headers: list[dict[str, str]] = []
        api = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                api.headers.append({name.lower(): value for name, value in self.headers.items()})
                status, headers, body = api.answer(dict(parse_qsl(urlsplit(self.path).query)), len(api.headers))
                data = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                for name, value in (headers | {"Content-Length": str(len(data))}).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/records"


@pytest.fixture
def api() -> Iterator[Api]:
    api = Api()
    thread = threading.Thread(target=api.server.serve_forever, args=(0.01,))
    thread.start()
    yield api
    api.server.shutdown()
    api.server.server_close()
    thread.join()


class Reader:
    """Reads with the plugin."""

    def __init__(self, api: Api, run: RunContext) -> None:
        self.api = api
        self.lines: list[str] = []
        self.task = Task("op", Book(run, log=self.lines.append))
        self.extractor = importlib.import_module("http_api").Http

    def read(self, **options: Any) -> pa.Table:
        with self.extractor(**({"url": self.api.url} | options)).read(self.task) as rows:
            return rows.read_all()


@pytest.fixture
def reader(api: Api, run: RunContext, monkeypatch: pytest.MonkeyPatch) -> Reader:
    monkeypatch.syspath_prepend(str(PLUGIN))
    return Reader(api, run)


def page(query: dict[str, str], _: int) -> Answer:
    start = (int(query["page"]) - 1) * int(query["per"])
    return 200, {}, {"data": {"items": RECORDS[start : start + int(query["per"])]}}


def offset(query: dict[str, str], _: int) -> Answer:
    return 200, {}, {"data": {"items": RECORDS[int(query["offset"]) : int(query["offset"]) + int(query["per"])]}}


def cursor(query: dict[str, str], _: int) -> Answer:
    start = int(query.get("after", "0"))
    following = str(start + 3) if start + 3 < len(RECORDS) else None
    return 200, {}, {"data": {"items": RECORDS[start : start + 3]}, "meta": {"next": following}}


def link(query: dict[str, str], _: int) -> Answer:
    start = int(query.get("from", "0"))
    headers = {"Link": f'</records?from={start + 3}>; rel="next"'} if start + 3 < len(RECORDS) else {}
    return 200, headers, {"data": {"items": RECORDS[start : start + 3]}}


@pytest.mark.parametrize(
    ("answer", "pagination", "requests"),
    [
        (page, {"style": "page", "first": 1, "size": 3, "size_param": "per"}, 3),
        (page, {"style": "page", "first": 1, "size": 7, "size_param": "per"}, 2),
        (offset, {"style": "offset", "size": 3, "size_param": "per"}, 3),
        (cursor, {"style": "cursor", "param": "after", "next": "meta.next"}, 3),
        (link, {"style": "link"}, 3),
    ],
)
def test_all_pages_are_read_once(
    reader: Reader, answer: Callable[..., Answer], pagination: dict[str, Any], requests: int
) -> None:
    reader.api.answer = answer
    assert reader.read(records="data.items", pagination=pagination).to_pylist() == RECORDS
    assert len(reader.api.headers) == requests


def test_one_answer_may_be_all(reader: Reader) -> None:
    assert reader.read().to_pylist() == RECORDS
    reader.api.answer = lambda *_: (200, {}, [])
    assert reader.read(columns={"id": "int64"}).schema == pa.schema({"id": pa.int64()})


def test_who_asks_is_told_the_api(reader: Reader) -> None:
    reader.read(token="s3cret")
    reader.read(token="s3cret", token_header="X-Api-Key")
    reader.read(username="ada", password="pw", headers={"Accept-Language": "fr"})
    bearer, key, basic = reader.api.headers
    assert bearer["authorization"] == "Bearer s3cret"
    assert key["x-api-key"] == "s3cret"
    assert basic["authorization"] == "Basic " + base64.b64encode(b"ada:pw").decode()
    assert basic["accept-language"] == "fr"


def test_a_busy_api_is_asked_again_when_it_says(reader: Reader) -> None:
    reader.api.answer = lambda _, number: (429, {"Retry-After": "0"}, {}) if number < 3 else (200, {}, RECORDS)
    assert reader.read().num_rows == 7
    assert len(reader.lines) == 2
    assert "HTTP 429 Too Many Requests; asked again in 0 s" in reader.lines[0]


def test_an_api_that_stays_busy_is_a_passing_trouble(reader: Reader) -> None:
    reader.api.answer = lambda *_: (503, {"Retry-After": "Thu, 01 Jan 2015 00:00:00 GMT"}, {})
    with pytest.raises(TransientError, match=r"/records: HTTP 503 Service Unavailable, 3 times$"):
        reader.read(retries=2)


def test_an_api_that_is_not_there_is_a_passing_trouble(reader: Reader) -> None:
    with pytest.raises(TransientError, match=r"^http://127.0.0.1:9/x: ConnectError, 1 times$"):
        reader.read(url="http://127.0.0.1:9/x?key=s3cret", retries=0)


@pytest.mark.parametrize("status", [301, 401, 404])
def test_a_refusal_is_final_and_shows_no_secret(reader: Reader, status: int) -> None:
    reader.api.answer = lambda *_: (status, {"Location": "http://elsewhere.example/"}, {})
    with pytest.raises(TerminalError, match=f"HTTP {status}") as raised:
        reader.read(token="s3cret", params={"key": "s3cret"})
    assert "s3cret" not in str(raised.value)
    assert len(reader.api.headers) == 1


@pytest.mark.parametrize(
    ("body", "options", "text"),
    [
        (b"<html>", {}, "the answer is no JSON"),
        ({"data": 7}, {"records": "data"}, "'data' finds no list of objects"),
        ([1, 2], {}, "'@' finds no list of objects"),
        ([{"a": 1}, {"a": "x"}], {}, "field 'a'.*columns"),
        ([{"a": "x"}], {"columns": {"a": "int64"}}, "field 'a'.*columns"),
        ([{"a": 1}], {"pagination": {"style": "cursor", "next": "'same'"}}, "the cursor .* stays the same"),
    ],
)
def test_an_answer_of_another_form_is_refused(reader: Reader, body: Any, options: dict[str, Any], text: str) -> None:
    reader.api.answer = lambda *_: (200, {}, body)
    with pytest.raises(DataError, match=text):
        reader.read(**options)


def test_a_next_page_elsewhere_is_not_followed(reader: Reader) -> None:
    reader.api.answer = lambda *_: (200, {"Link": '<http://elsewhere.example/>; rel="next"'}, RECORDS)
    with pytest.raises(DataError, match=r"at another server, elsewhere\.example"):
        reader.read(pagination={"style": "link"}, token="s3cret")


def test_a_field_that_only_a_later_page_has_is_not_lost(reader: Reader) -> None:
    reader.api.answer = lambda query, _: (200, {}, [{"id": 1}] if query["page"] == "0" else [{"id": 2, "late": "x"}])
    pages = {"style": "page", "size": 1}
    with pytest.raises(DataError, match="'late'"):
        reader.read(pagination=pages)


def test_columns_say_what_the_fields_are(reader: Reader) -> None:
    reader.api.answer = lambda *_: (200, {}, [{"on": "2024-02-29", "tags": ["a", {"b": 1}], "n": None}])
    found = reader.read(columns={"on": "date32", "tags": "json", "n": "float64"})
    assert found.schema.types == [pa.date32(), pa.string(), pa.float64()]
    assert found["tags"].to_pylist() == ['["a", {"b": 1}]']


def test_waiting_ends_when_the_op_is_cancelled(reader: Reader) -> None:
    reader.api.answer = lambda *_: (429, {"Retry-After": "200"}, {})
    stop = threading.Timer(0.3, reader.task.cancellation.cancel, [Interrupted("op: interrupted")])
    stop.start()
    started = time.monotonic()
    with pytest.raises(Interrupted):
        reader.read()
    assert time.monotonic() - started < 60
    stop.join()

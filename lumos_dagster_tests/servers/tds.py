"""A stand-in that speaks SQL Server's wire protocol (TDS 7.4) and knows no SQL: it plays back what a test tells it.

The real driver logs in, binds values, opens transactions and bulk-copies rows against it, and every statement is kept
as it came over the wire. It is no SQL Server: none was to be had, and nothing here shows how one would answer.
"""

import re
import socketserver
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pytds import tds_base
from pytds.tds_socket import _TdsSocket

_COLLATION = bytes([9, 4, 208, 0, 52])
_BATCH, _RPC, _ATTENTION, _BULK, _TRANSACTION, _LOGIN, _PRELOGIN = 1, 3, 6, 7, 14, 16, 18
_DONE, _MORE, _ERROR, _COUNT = 0xFD, 1, 2, 0x10


@dataclass
class Failure:
    """An error of the server's."""

    number: int
    text: str
    severity: int = 16


Answer = Sequence[Sequence[Any]] | int | Failure
"""Rows; or how many rows a statement has changed; or an error."""


@dataclass
class TdsServer:
    """What it was told, and what it answers: the first pattern that is found in the statement decides."""

    port: int = 0
    answers: list[tuple[str, Answer | Callable[[str], Answer]]] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)
    """Statements in order; BEGIN, COMMIT and ROLLBACK where the driver used the protocol's own."""
    copied: list[list[tuple[Any, ...]]] = field(default_factory=list)
    """The rows of each bulk copy."""
    login: Failure | None = None
    silent: bool = False
    """Whether it takes connections and says nothing."""

    def answer(self, statement: str) -> Answer:
        for pattern, answer in self.answers:
            if re.search(pattern, statement, re.DOTALL):
                return answer(statement) if callable(answer) else answer
        return 0


@contextmanager
def tds_server() -> Iterator[TdsServer]:
    told = TdsServer()
    ended = threading.Event()

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            if told.silent:
                ended.wait(60)
                return
            _converse(self.request, told)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        told.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield told
        finally:
            ended.set()
            server.shutdown()
            thread.join()


def _converse(connection: Any, told: TdsServer) -> None:
    while (message := _message(connection)) is not None:
        kind, data = message
        if kind == _PRELOGIN:
            reply = bytes([0, 0, 11, 0, 6, 1, 0, 17, 0, 1, 0xFF]) + bytes([15, 0, 0, 0, 0, 0]) + bytes([2])
        elif kind == _LOGIN:
            reply = _failed(told.login) if told.login else _logged_in()
        elif kind == _ATTENTION:
            reply = _done(0x20)
        elif kind == _TRANSACTION:
            reply = _transaction(data, told)
        elif kind == _BULK:
            rows = _copied(data)
            told.copied.append(rows)
            reply = _done(_COUNT, len(rows))
        else:
            statement = _text(data[struct.unpack_from("<I", data)[0] :], kind)
            told.heard.append(" ".join(statement.split()))
            reply = _spelled(told.answer(statement))
        connection.sendall(struct.pack(">BBHHBB", 4, 1, len(reply) + 8, 0, 1, 0) + reply)


def _message(connection: Any) -> tuple[int, bytes] | None:
    data = b""
    while True:
        head = _exactly(connection, 8)
        if head is None:
            return None
        kind, status, length = struct.unpack_from(">BBH", head)
        data += _exactly(connection, length - 8) or b""
        if status & 1:
            return kind, data


def _exactly(connection: Any, size: int) -> bytes | None:
    data = b""
    while len(data) < size:
        try:
            found = connection.recv(size - len(data))
        except ConnectionError:
            return None
        if not found:
            return None
        data += found
    return data


def _text(data: bytes, kind: int) -> str:
    if kind == _BATCH:
        return data.decode("utf-16-le")
    # sp_executesql by number, flags; then the statement: no name, status, nvarchar(max), its size, its chunks
    assert data[:4] == struct.pack("<HH", 0xFFFF, tds_base.SP_EXECUTESQL.proc_id), data[:20]
    at, text = 6 + 1 + 1 + 1 + 2 + 5 + 8, b""
    while size := struct.unpack_from("<I", data, at)[0]:
        text += data[at + 4 : at + 4 + size]
        at += 4 + size
    return text.decode("utf-16-le")


def _transaction(data: bytes, told: TdsServer) -> bytes:
    data = data[struct.unpack_from("<I", data)[0] :]
    request = struct.unpack_from("<H", data)[0]
    told.heard.append({5: "BEGIN", 7: "COMMIT", 8: "ROLLBACK"}[request])
    begun = bytes([0xE3]) + struct.pack("<HBB", 11, 8, 8) + b"\1\0\0\0\0\0\0\0" + b"\0"
    if request == 5:
        return begun + _done(0)
    ended = bytes([0xE3]) + struct.pack("<HBB", 11, 9 if request == 7 else 10, 0) + b"\10" + b"\1\0\0\0\0\0\0\0"
    return ended + begun + _done(0)


def _logged_in() -> bytes:
    name = "stand-in".encode("utf-16-le")
    body = bytes([1]) + struct.pack(">I", 0x74000004) + bytes([len(name) // 2]) + name + bytes([15, 0, 0, 0])
    language = "shop".encode("utf-16-le")
    change = bytes([1, len(language) // 2]) + language + bytes([0])
    collation = bytes([7, 5]) + _COLLATION + bytes([0])
    changes = b"".join(bytes([0xE3]) + struct.pack("<H", len(part)) + part for part in (change, collation))
    return changes + bytes([0xAD]) + struct.pack("<H", len(body)) + body + _done(0)


def _failed(failure: Failure) -> bytes:
    text, server = failure.text.encode("utf-16-le"), "stand-in".encode("utf-16-le")
    body = struct.pack("<IBBH", failure.number, 1, failure.severity, len(text) // 2) + text
    body += bytes([len(server) // 2]) + server + bytes([0]) + struct.pack("<I", 1)
    return bytes([0xAA]) + struct.pack("<H", len(body)) + body + _done(_ERROR)


def _done(status: int, count: int = 0) -> bytes:
    return bytes([_DONE]) + struct.pack("<HHQ", status, 0, count)


def _spelled(answer: Answer) -> bytes:
    if isinstance(answer, Failure):
        return _failed(answer)
    if isinstance(answer, int):
        return _done(_COUNT, answer)
    width = len(answer[0]) if answer else 1
    numeric = [all(row[at] is None or isinstance(row[at], int) for row in answer) for at in range(width)]
    reply = bytes([0x81]) + struct.pack("<H", width)
    for at, is_number in enumerate(numeric):
        name = f"c{at}".encode("utf-16-le")
        kind = bytes([0x26, 8]) if is_number else bytes([_kind(answer, at)]) + struct.pack("<H", 8000) + _COLLATION
        reply += struct.pack("<IH", 0, 1) + kind + bytes([len(name) // 2]) + name
    for row in answer:
        reply += b"\xd1" + b"".join(
            _value(value, is_number, _kind(answer, at))
            for at, (value, is_number) in enumerate(zip(row, numeric, strict=True))
        )
    return reply + _done(_COUNT, len(answer))


def _kind(answer: Sequence[Sequence[Any]], at: int) -> int:
    """As a server does, varchar where that is enough, else nvarchar."""
    return 0xA7 if all(str(row[at]).isascii() for row in answer) else 0xE7


def _value(value: Any, is_number: bool, kind: int) -> bytes:
    if is_number:
        return b"\0" if value is None else b"\10" + struct.pack("<q", value)
    if value is None:
        return b"\xff\xff"
    text = str(value).encode("ascii" if kind == 0xA7 else "utf-16-le")
    return struct.pack("<H", len(text)) + text


class _Played:
    """What a bulk copy sends is what a server answers a SELECT with: so the driver itself can read it."""

    def __init__(self, data: bytes) -> None:
        self._left = b"".join(
            struct.pack(">BBHHBB", 4, int(at + 4000 >= len(data)), len(data[at : at + 4000]) + 8, 0, 1, 0)
            + data[at : at + 4000]
            for at in range(0, len(data), 4000)
        )

    def recv_into(self, buffer: Any, size: int = 0) -> int:
        size = min(size or len(buffer), len(self._left))
        buffer[:size], self._left = self._left[:size], self._left[size:]
        return size

    def close(self) -> None:
        self._left = b""


def _copied(data: bytes) -> list[tuple[Any, ...]]:
    login = tds_base._TdsLogin()
    login.blocksize, login.tds_version, login.query_timeout, login.bytes_to_unicode = 4096, tds_base.TDS74, None, True
    session = _TdsSocket(_Played(data), login).main_session
    session.state = tds_base.TDS_PENDING
    session.begin_response()
    session.find_result_or_done()
    rows = []
    while session.next_row():
        rows.append(tuple(session.row))
    return rows

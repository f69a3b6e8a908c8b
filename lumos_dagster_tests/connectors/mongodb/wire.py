"""A proxy in front of the server that understands MongoDB's messages, and can lose, hold back or answer one."""

import socket
import struct
import threading
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Literal, Self

import bson
from bson.codec_options import CodecOptions, DatetimeConversion

EXACT: CodecOptions[dict[str, Any]] = CodecOptions(datetime_conversion=DatetimeConversion.DATETIME_MS)
Command = Mapping[str, Any]
Fate = Literal["pass", "lose", "stall"] | Mapping[str, Any]
"""pass: on to the server. lose: the server does it, but its answer is lost with the connection.
stall: no answer ever comes. A mapping is the answer, and the server hears nothing."""

_HEADER = struct.Struct("<iiii")
_OP_REPLY, _OP_QUERY, _OP_MSG = 1, 2004, 2013


class Wire:
    """Asks `decide` of every command that a client sends what shall become of it."""

    def __init__(self, address: tuple[str, int], decide: Callable[[Command], Fate]) -> None:
        self._address = address
        self._decide = decide
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._ends: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self.url = f"mongodb://127.0.0.1:{self._listener.getsockname()[1]}/?directConnection=true&retryWrites=false"

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _shut(self._listener)
        self._threads[0].join()
        for end in self._ends:
            _shut(end)
        for thread in self._threads[1:]:
            thread.join()
        for end in (self._listener, *self._ends):
            end.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(self._address)
            self._ends += [client, server]
            for work in (self._forth, self._back):
                self._threads.append(threading.Thread(target=work, args=(client, server)))
                self._threads[-1].start()

    def _forth(self, client: socket.socket, server: socket.socket) -> None:
        while message := _message(client):
            fate = self._decide(_command(message))
            if fate == "pass":
                try:
                    server.sendall(message)
                except OSError:
                    break  # the server has left, as the client hears by the other way
            elif fate == "lose":
                _shut(client)
                server.sendall(message)
                server.shutdown(socket.SHUT_WR)
                return
            elif fate != "stall":
                client.sendall(_answer(message, fate))
        _shut(server)

    def _back(self, client: socket.socket, server: socket.socket) -> None:
        while data := _received(server, 1 << 16):
            try:
                client.sendall(data)
            except OSError:
                continue  # what the server says is lost
        _shut(client)


def _message(end: socket.socket) -> bytes:
    head = _exactly(end, _HEADER.size)
    return head and head + _exactly(end, _HEADER.unpack(head)[0] - len(head))


def _exactly(end: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = _received(end, size - len(data))
        if not more:
            return b""
        data += more
    return data


def _command(message: bytes) -> Command:
    """The command, with the documents that follow it under their own name."""
    if _HEADER.unpack_from(message)[3] == _OP_QUERY:
        return _document(message, message.index(b"\0", 20) + 1 + 8)[0]
    command, place = _document(message, 21)
    while place < len(message):
        end = place + 1 + struct.unpack_from("<i", message, place + 1)[0]
        name_end = message.index(b"\0", place + 5)
        name, place = message[place + 5 : name_end].decode(), name_end + 1
        command[name] = []
        while place < end:
            document, place = _document(message, place)
            command[name].append(document)
    return command


def _document(message: bytes, start: int) -> tuple[dict[str, Any], int]:
    end = start + struct.unpack_from("<i", message, start)[0]
    return bson.decode(message[start:end], EXACT), end


def _answer(message: bytes, document: Mapping[str, Any]) -> bytes:
    _, request, _, operation = _HEADER.unpack_from(message)
    body = bson.encode(document)
    if operation == _OP_MSG:
        kind, body = _OP_MSG, b"\0\0\0\0\0" + body
    else:
        kind, body = _OP_REPLY, struct.pack("<iqii", 8, 0, 0, 1) + body
    return _HEADER.pack(_HEADER.size + len(body), 1, request, kind) + body


def _received(end: socket.socket, size: int) -> bytes:
    try:
        return end.recv(size)
    except OSError:
        return b""


def _shut(end: socket.socket) -> None:
    try:
        end.shutdown(socket.SHUT_RDWR)
    except OSError:
        return

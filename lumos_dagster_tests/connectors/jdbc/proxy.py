"""A TCP proxy that cuts a connection when it sees a certain text pass by, or so many bytes."""

import re
import socket
import threading
from types import TracebackType
from typing import Self


class CuttingProxy:
    """Passes bytes on both ways, until the client sends `word`, or has sent so many bytes: once, that connection is cut.

    With `arrives` the server still gets them, and only its answer is lost. `turn` is which coming of the word it is.
    """

    def __init__(self, server_port: int, word: bytes | int, arrives: bool, turn: int = 1) -> None:
        self.cut = False
        self.sent = 0
        """How many bytes the clients have sent."""
        self.seen = 0
        """How often the word has come."""
        self._turn = turn
        self._server_port = server_port
        self._word = word
        self._arrives = arrives
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept)]

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._server_port))
            for work in (self._forth, self._back):
                self._threads.append(threading.Thread(target=work, args=(client, server)))
                self._threads[-1].start()

    def _forth(self, client: socket.socket, server: socket.socket) -> None:
        while data := _received(client):
            self.sent += len(data)
            if not self.cut and self._is_it(data):
                self.cut = True
                if self._arrives:
                    client.shutdown(socket.SHUT_RDWR)
                    server.sendall(data)
                break
            server.sendall(data)
        _shut(server, socket.SHUT_WR if self.cut and self._arrives else socket.SHUT_RDWR)

    def _is_it(self, data: bytes) -> bool:
        if isinstance(self._word, int):
            return self.sent >= self._word
        self.seen += self._word in data
        return self.seen == self._turn

    def _back(self, client: socket.socket, server: socket.socket) -> None:
        while data := _received(server):
            try:
                client.sendall(data)
            except OSError:
                continue  # the client's line is cut: what the server says is lost
        _shut(client, socket.SHUT_RDWR)
        client.close()
        server.close()


def through(proxy: CuttingProxy, url: str) -> str:
    """The URL of a server, by way of the proxy."""
    return re.sub(r":\d+/", f":{proxy.port}/", url)


def _received(end: socket.socket) -> bytes:
    try:
        return end.recv(1 << 16)
    except OSError:
        return b""


def _shut(end: socket.socket, how: int) -> None:
    try:
        end.shutdown(how)
    except OSError:
        return

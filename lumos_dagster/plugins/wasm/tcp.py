"""`lumos:cap/tcp`: the network as far as it was granted, each call no longer than the guest may run."""

import socket
import time

from lumos_dagster.plugins.wasm.sandbox import Sandbox

LONGEST_READ = 1 << 20


class Tcp:
    """The connections of one guest. Addresses are compared as they are written."""

    def __init__(self, sandbox: Sandbox, granted: tuple[str, ...]) -> None:
        self._sandbox = sandbox
        self._granted = {place.lower() for place in granted}
        self._connections: dict[int, socket.socket] = {}
        self._opened = 0
        sandbox.unblock.append(self.close_all)

    def connect(self, host: str, port: int) -> int | str:
        """The connection's number, or why there is none."""
        place = f"{host}:{port}".lower()
        if place not in self._granted:
            granted = ", ".join(sorted(self._granted)) or "nothing"
            raise self._sandbox.error(f"connects to {ascii(place)[1:-1]}, which was not granted; granted: {granted}")
        try:
            connection = socket.create_connection((host, port), timeout=self._left())
        except OSError as error:
            return f"cannot connect to {place}: {error.strerror or error}"
        self._opened += 1
        self._connections[self._opened] = connection
        return self._opened

    def read(self, number: int, most: int) -> bytes | str:
        """Some bytes, none at the end of the stream, or what went wrong."""
        try:
            return self._open(number).recv(max(1, min(most, LONGEST_READ)))
        except OSError as error:
            return f"cannot read: {error.strerror or error}"

    def write(self, number: int, data: bytes) -> str | None:
        """Nothing, or what went wrong."""
        try:
            self._open(number).sendall(data)
        except OSError as error:
            return f"cannot write: {error.strerror or error}"
        return None

    def close(self, number: int) -> None:
        """End one connection."""
        if connection := self._connections.pop(number, None):
            connection.close()

    def close_all(self) -> None:
        """End them all, whatever waits for one."""
        for connection in list(self._connections.values()):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # the other side was quicker
            finally:
                connection.close()

    def _open(self, number: int) -> socket.socket:
        connection = self._connections.get(number)
        if connection is None:
            raise self._sandbox.error(f"uses connection {number}, which is not open")
        connection.settimeout(self._left())
        return connection

    def _left(self) -> float:
        return max(0.001, self._sandbox.deadline - time.monotonic())

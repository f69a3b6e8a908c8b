"""The connection to a SQL Server: a socket that another thread can break, and TLS that is always verified."""

import socket
from collections.abc import Mapping
from typing import Any

import pytds
from pytds.instance_browser_client import resolve_instance_port


class GivenUp(pytds.LoginError):  # type: ignore[misc]
    """Ends the driver's own retries, which would go on for the whole time allowed; the reason is its context."""


class Line:
    """A socket whose errors are the driver's, as rows on their way into it may have socket errors of their own."""

    def __init__(self, host: str, port: int, timeout: float) -> None:
        self.is_logged_in = False
        try:
            self._socket = socket.create_connection((host, port), timeout)
        except OSError as error:
            raise pytds.OperationalError(f"no answer from {host}:{port}: {_told(error)}") from None

    def setsockopt(self, level: int, name: int, value: int) -> None:
        """As the socket's."""
        self._socket.setsockopt(level, name, value)

    def settimeout(self, timeout: float | None) -> None:
        """Seconds until a call fails."""
        self._socket.settimeout(timeout)

    def gettimeout(self) -> float | None:
        """Seconds until a call fails."""
        return self._socket.gettimeout()

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Send all of it."""
        try:
            self._socket.sendall(data, flags)
        except OSError as error:
            raise _lost(error) from None

    def recv(self, size: int, flags: int = 0) -> bytes:
        """Some bytes, none at the end."""
        try:
            return self._socket.recv(size, flags)
        except OSError as error:
            raise _lost(error) from None

    def recv_into(self, buffer: Any, size: int = 0, flags: int = 0) -> int:
        """How many bytes were put into the buffer."""
        try:
            return self._socket.recv_into(buffer, size, flags)
        except OSError as error:
            raise _lost(error) from None

    def shut(self) -> None:
        """From another thread: whoever waits for an answer gets an error; the server takes the transaction back."""
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # it is shut

    def shutdown(self, how: int = 0) -> None:
        """As the socket's."""
        self._socket.shutdown(how)

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()
        if not self.is_logged_in:
            raise GivenUp("given up")


def connect(url: Any, options: Mapping[str, Any]) -> Any:
    """The driver's connection to what a sqlalchemy.URL names, with our socket as its `line`."""
    from OpenSSL import SSL

    known = dict(options)
    instance, timeout = known.pop("instance", ""), known.pop("login_timeout")
    line = None
    try:
        port = resolve_instance_port(url.host, None if instance else url.port, instance, timeout)
        line = Line(url.host, port, timeout)
        raw = pytds.connect(
            dsn=url.host, port=port, database=url.database, user=url.username, password=url.password, sock=line,
            login_timeout=timeout, disable_connect_retry=True, **known,
        )  # fmt: skip
    except GivenUp as given_up:
        raise _reason(given_up.__context__) from None
    except (OSError, RuntimeError, SSL.Error) as error:
        if line is not None:
            line.is_logged_in = True
            line.close()
        raise _reason(error) from None
    line.is_logged_in = True
    raw.line = line
    return raw


class Unverified(pytds.Error):  # type: ignore[misc]
    """The server's certificate is not one that we were told to trust."""


def _reason(error: BaseException | None) -> Exception:
    from OpenSSL import SSL

    if isinstance(error, SSL.Error):
        reasons = ", ".join(str(part[-1]) for part in error.args[0]) if error.args and error.args[0] else "TLS failed"
        return Unverified(
            f"the server's certificate is not trusted: {reasons}. Name the file of its authority, or of the "
            "certificate itself where it has signed itself: serverCertificate=/path/to/file.pem"
        )
    if isinstance(error, pytds.Error):
        reason: Exception = error
        return reason
    return _failed(_told(error) if error else "the server ended the connection")


def _lost(error: OSError) -> Exception:
    return _failed(f"the connection is lost: {_told(error)}")


def _failed(text: str) -> Exception:
    error: Exception = pytds.OperationalError(text)
    return error


def _told(error: BaseException) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__

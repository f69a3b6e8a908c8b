"""A connection to MongoDB for the length of a block, and what its errors mean to the user."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pymongo import MongoClient
from pymongo.errors import ConnectionFailure, OperationFailure, PyMongoError, WaitQueueTimeoutError

from lumos_dagster.errors import ConfigError, LumosError, TerminalError, TransientError
from lumos_dagster.interface import ConnectionString, Task

Client = MongoClient[dict[str, Any]]

_SELECTION_MS = 10_000
_INTERRUPT_SECONDS = 0.1
_TRANSIENT_LABELS = ("TransientTransactionError", "RetryableWriteError")
_TRANSIENT_CODES = frozenset({
    6, 7, 89, 202, 9001,  # host unreachable or not found, network timeout, socket
    91, 11600, 11602, 10107, 10058, 13435, 13436, 189,  # shutting down, interrupted, no primary
    24, 43, 46, 50, 64, 112, 117, 133, 134, 262,  # lock, cursor lost, time limit, write conflict, not enough members
    63, 150, 249, 13388,  # the shards' map has changed
})  # fmt: skip
_REFUSED = {13: "the user may not do this", 18: "user or password is wrong", 8000: "user or password is wrong"}


@contextmanager
def connected(connection_string: ConnectionString, place: str, task: Task) -> Iterator[Client]:
    """A client that is closed with the block; when the attempt is cancelled, blocking calls on it break at once.

    The driver's errors leave the block as ConfigError, TransientError or TerminalError naming `place`.
    """
    client = _client(connection_string.get_secret_value())
    over = threading.Event()
    try:
        with task.cancellation.interrupting(lambda: _break_off(client, over)):
            yield client
    except PyMongoError as error:
        task.cancellation.check()
        raise explained(error, place) from error
    finally:
        client.close()
        over.set()


def _break_off(client: Client, over: threading.Event) -> None:
    """Break what the client waits for, until the block is over: the driver may try again, and takes leave at the end.

    Closing ends the search for a server, but by itself leaves a call alone that waits for an answer.
    """

    def interrupt() -> None:
        while not over.wait(_INTERRUPT_SECONDS):
            # The driver has no public name for what it does itself when it finds a server dead.
            for server in list(client._topology._servers.values()):
                for context in list(server.pool.active_contexts):
                    context.cancel()

    for work in (client.close, interrupt):
        threading.Thread(target=work, name="lumos mongodb stop", daemon=True).start()


def explained(error: PyMongoError, place: str) -> LumosError:
    """The driver's error in the user's terms: what may pass, what will not."""
    passing = any(map(error.has_error_label, _TRANSIENT_LABELS))
    if isinstance(error, OperationFailure):
        text = str((error.details or {}).get("errmsg") or error).partition(", full error:")[0]
        if error.code in _REFUSED:
            return TerminalError(f"{place}: {_REFUSED[error.code]}: {text}")
        if error.code in _TRANSIENT_CODES or passing:
            return TransientError(f"{place}: {text} (code {error.code})")
        return TerminalError(f"{place}: the server refuses (code {error.code}): {text}")
    text = str(error).partition(", Topology Description:")[0]
    if isinstance(error, ConnectionFailure | WaitQueueTimeoutError) or passing:
        return TransientError(f"{place}: no answer from the server: {text}")
    return TerminalError(f"{place}: {type(error).__name__}: {text}")


def _client(url: str) -> Client:
    # The driver's own wait for a server, 30 s, is long for a wrong port; the user's choice in the URL stands.
    options: dict[str, Any] = {"appname": "lumos"}
    if "serverselectiontimeoutms" not in url.lower():
        options["serverSelectionTimeoutMS"] = _SELECTION_MS
    client = None
    try:
        client = MongoClient[dict[str, Any]](url, **options)
    except (PyMongoError, ValueError) as error:
        kind = type(error).__name__
    if client is None:
        # Raised out here, since the driver's text and traceback may hold a part of the password.
        raise ConfigError(
            f"connection_string is not a MongoDB URL that the driver understands ({kind}); allowed: "
            "mongodb://user:password@host:port/?options, user and password percent-encoded"
        )
    return client

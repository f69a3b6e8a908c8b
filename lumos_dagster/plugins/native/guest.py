"""The host's side of a native plugin: it starts the process, feeds it rows, and tells how it ended."""

import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pyarrow as pa

from lumos_dagster.accounting import Task
from lumos_dagster.cancellation import Cancellation
from lumos_dagster.errors import ConfigError, DataError, LumosError, PluginError, TerminalError, TransientError
from lumos_dagster.plugins.guest import Limits
from lumos_dagster.plugins.native.channel import Channel, Message, shared_memory
from lumos_dagster.plugins.native.page import PAGE, Page

GRACE = 1.0
"""Seconds that a plugin is given to end by itself once its op is to end."""
STARTING = 60.0
"""Seconds that the process may need until it answers at all, on a busy machine."""
_LONGEST_LINE = 8192
_CLASSES: Mapping[str, Callable[[str], LumosError]] = {
    "config": ConfigError,
    "transient": TransientError,
    "data": DataError,
    "fatal": TerminalError,
    "contract": PluginError,
}


class Process:
    """One plugin's process, from its start to its end."""

    def __init__(
        self, binary: Path, limits: Limits, cancellation: Cancellation, log: Callable[[str], None], name: str
    ) -> None:
        self._binary, self._limits, self._cancellation, self._log, self._name = binary, limits, cancellation, log, name
        self._lines, self._unfinished = 0, b""
        self._timer: threading.Timer | None = None
        self._ending, self._ended, self._peak_kb = threading.Lock(), False, 0
        own, theirs = socket.socketpair()
        page = shared_memory(PAGE)
        self._page, self._channel = Page(page), Channel(own)
        self._process = _started(theirs, page)
        theirs.close()
        os.close(page)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._output, selectors.EVENT_READ)
        self._selector.register(own, selectors.EVENT_READ)
        os.set_blocking(self._output, False)

    @property
    def _output(self) -> int:
        assert self._process.stdout is not None  # noqa: S101 - asked for
        return self._process.stdout.fileno()

    def start(self, kind: str, options: str) -> None:
        """Let it open the plugin as one kind, or only describe it."""
        self._receive(STARTING)
        command = {"binary": str(self._binary.absolute()), "kind": kind, "options": options}
        self.send(Message("command", json.dumps(command | {"memory_mb": self._limits.memory_mb})))

    def send(self, message: Message) -> None:
        """Tell it something. That it is gone is found out by whoever waits for the answer."""
        with suppress(OSError):
            self._channel.send(message)

    def answer(self, rows: Iterator[pa.RecordBatch] = iter(())) -> Message:  # noqa: B008 - an empty one stays empty
        """Its answer, once it has taken as many rows as it wants. Raises what it reports, and PluginError."""
        while True:
            message = self._receive(self._limits.timeout_seconds)
            self._cancellation.check()
            if message.kind == "wants":
                self.send(Message("rows", rows=next(rows, None)))
            elif message.kind in _CLASSES:
                raise _CLASSES[message.kind](self._said(message.text))
            else:
                return message

    def checked(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The batch, if its values are what its types say. Raises PluginError."""
        try:
            batch.validate(full=True)
        except pa.ArrowException as error:
            raise PluginError(f"plugin {self._name}: get_next: its stream failed: {error}") from None
        return batch

    def cancel(self) -> None:
        """Tell it that the op is to end, and end it soon after. Called from any thread."""
        self._page.cancel()
        self._timer = threading.Timer(GRACE, self.end)
        self._timer.daemon = True
        self._timer.start()

    def end(self) -> None:
        """End the process, if it has not ended. Called from any thread."""
        with self._ending:
            if not self._ended:
                os.kill(self._process.pid, signal.SIGKILL)  # does nothing to one that has just died of something else
                _, status, usage = os.wait4(self._process.pid, 0)
                self._process.returncode = os.waitstatus_to_exitcode(status)
                self._peak_kb = usage.ru_maxrss
                self._ended = True

    def close(self) -> None:
        """End it and let go of everything."""
        self.end()
        if self._timer is not None:
            self._timer.cancel()
        self._selector.close()
        self._channel.connection.close()
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None  # noqa: S101 - both were asked for
            stream.close()

    def _said(self, text: str) -> str:
        during = self._page.during
        return f"plugin {self._name}: {during + ': ' if during else ''}{text}"

    def _receive(self, timeout: float) -> Message:
        deadline = time.monotonic() + timeout
        while True:
            ready = {key.fd for key, _ in self._selector.select(max(0.0, deadline - time.monotonic()))}
            if self._output in ready and not self._tell_output():
                self._selector.unregister(self._output)
            if self._channel.connection.fileno() in ready:
                try:
                    message = self._channel.receive()
                except (OSError, ValueError):
                    message = None
                if message is None:
                    raise self._death()
                return message
            if time.monotonic() >= deadline:
                raise PluginError(self._said(f"ran longer than its limit of {timeout:g} s"))

    def _tell_output(self) -> bool:
        """Tell what it has printed as lines of log; whether more may come."""
        with suppress(BlockingIOError):
            while data := os.read(self._output, 65_536):
                *lines, self._unfinished = (self._unfinished + data).split(b"\n")
                for line in lines:
                    self._tell(line)
                self._unfinished = self._unfinished[:_LONGEST_LINE]
            return False
        return True

    def _tell(self, line: bytes) -> None:
        self._lines += 1
        if self._lines > self._limits.log_lines:
            raise PluginError(self._said(f"floods the log: more than its limit of {self._limits.log_lines} lines"))
        self._log(line[:_LONGEST_LINE].decode(errors="replace"))

    def _death(self) -> LumosError:
        """Why the process is gone, when it should not be."""
        self.end()
        self._cancellation.check()
        self._tell_output()
        if self._unfinished:
            self._tell(self._unfinished)
        code = self._process.returncode
        if code >= 0:
            return PluginError(self._said(f"ended its process with exit code {code}"))
        text = f"crashed with {signal.Signals(-code).name} ({signal.strsignal(-code)})"
        if self._peak_kb << 10 > self._limits.memory_mb << 20:
            text += f"; it may use {self._limits.memory_mb} MiB of memory, and its process had {self._peak_kb >> 10}"
        return PluginError(self._said(text))


def _started(theirs: socket.socket, page: int) -> "subprocess.Popen[bytes]":
    """The worker, with this process's environment and modules, but no part of its terminal's signals."""
    command = [sys.executable, "-P", "-m", "lumos_dagster.plugins.native.worker", str(theirs.fileno()), str(page)]
    return subprocess.Popen(  # noqa: S603 - our own interpreter
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        pass_fds=(theirs.fileno(), page), env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip


@contextmanager
def running(
    binary: Path, limits: Limits, cancellation: Cancellation, log: Callable[[str], None], name: str
) -> Iterator[Process]:
    """A process for one call, ended when the block is left or the op is cancelled."""
    process = Process(binary, limits, cancellation, log, name)
    try:
        with cancellation.interrupting(process.cancel):
            yield process
    finally:
        process.close()


class NativeGuest:
    """A plugin's library, in a new process for each call."""

    def __init__(self, binary: Path, limits: Limits, task: Task, name: str) -> None:
        self._binary, self._limits, self._task, self._name = binary, limits, task, name

    @contextmanager
    def extract(self, options: str) -> Iterator[pa.RecordBatchReader]:
        """As Guest.extract."""
        with self._running("extractor", options) as process:
            yield _given(process, iter(()))

    @contextmanager
    def transform(self, options: str, rows: pa.RecordBatchReader) -> Iterator[pa.RecordBatchReader]:
        """As Guest.transform."""
        with self._running("transformer", options) as process:
            yield _given(process, _offered(process, rows))

    def load(self, options: str, rows: pa.RecordBatchReader) -> int:
        """As Guest.load."""
        with self._running("loader", options) as process:
            return int(process.answer(_offered(process, rows)).text)

    @contextmanager
    def _running(self, kind: str, options: str) -> Iterator[Process]:
        with running(self._binary, self._limits, self._task.cancellation, self._task.log, self._name) as process:
            process.start(kind, options)
            yield process


def _given(process: Process, rows: Iterator[pa.RecordBatch]) -> pa.RecordBatchReader:
    """What the plugin gives, made of `rows` where it takes some."""

    def batches() -> Iterator[pa.RecordBatch]:
        process.send(Message("next"))
        while True:
            process.send(Message("next"))  # the one after this, made while this one is used
            batch = process.answer(rows).rows
            if batch is None:
                return
            yield process.checked(batch)

    return pa.RecordBatchReader.from_batches(_schema(process.answer(rows)), batches())


def _schema(message: Message) -> pa.Schema:
    assert message.rows is not None  # noqa: S101 - the worker begins with an empty batch
    return message.rows.schema


def _offered(process: Process, rows: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
    """Announce the columns; the rows then, in the layouts that a plugin may rely on."""
    schema = pa.schema([field.with_type(_plain(field.type)) for field in rows.schema])
    process.send(Message("schema", rows=pa.RecordBatch.from_pylist([], schema)))
    return (batch if schema == rows.schema else batch.cast(schema) for batch in rows)


def _plain(kind: Any) -> Any:
    """No dictionary, no view."""
    if pa.types.is_dictionary(kind):
        return _plain(kind.value_type)
    views: dict[Any, Any] = {pa.string_view(): pa.large_string(), pa.binary_view(): pa.large_binary()}
    return views.get(kind, kind)

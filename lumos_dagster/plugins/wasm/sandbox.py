"""Where a guest's code runs: a thread of its own, within limits of time, memory and log, and stoppable at any time."""

import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, suppress
from functools import partial
from typing import Any, TypeVar

import wasmtime

from lumos_dagster.cancellation import Cancellation
from lumos_dagster.errors import ConfigError, DataError, LumosError, PluginError, TerminalError, TransientError
from lumos_dagster.plugins.guest import Limits
from lumos_dagster.plugins.wasm.engine import Code
from lumos_dagster.plugins.wasm.linear import OutOfBounds

T = TypeVar("T")

GRACE = 2.0
"""Seconds that a guest is given to stop; one that still blocks then is left behind in its thread."""
GLANCE = 0.1
"""Seconds between two looks at a guest that runs."""
LONGEST_LINE = 8192
_CLASSES: Mapping[str, Callable[[str], LumosError]] = {
    "config": ConfigError,
    "transient": TransientError,
    "data": DataError,
    "fatal": TerminalError,
}


class _Done:
    """How a call ended."""

    def __init__(self, value: Any = None, error: BaseException | None = None) -> None:
        self.value, self.error = value, error


class Sandbox:
    """One guest's store, and the thread in which all of its code runs.

    Python delivers Ctrl-C to the main thread only, and raising it inside a guest's call would end the process:
    the caller waits here for the other thread, so that it may be interrupted whenever it likes.
    """

    def __init__(self, code: Code, limits: Limits, cancellation: Cancellation, log: Callable[[str], None]) -> None:
        self.code = code
        self.store = wasmtime.Store(code.engine)
        self.store.set_limits(limits.memory_mb << 20, table_elements=1_000_000, instances=1000, tables=1000, memories=4)
        self.limits = limits
        self.stopping = threading.Event()
        self.unblock: list[Callable[[], None]] = []
        """What breaks the blocking calls of host functions; called from any thread."""
        self.deadline = 0.0
        self.memory_used: Callable[[], int] = int
        """How many bytes of memory the guest has, where that can be told."""
        self.watch: Callable[[], object] = int
        """What is looked after now and then while the guest runs, and after each call."""
        self.resources = ExitStack()
        """What is held for the guest until it is no longer needed."""
        self._cancellation = cancellation
        self._log = log
        self._lines = 0
        self._during = "instantiate"
        self._busy = False
        self._refusal: BaseException | None = None
        self._jobs: queue.SimpleQueue[Callable[[], Any] | None] = queue.SimpleQueue()
        self._mail: queue.SimpleQueue[_Done | str | None] = queue.SimpleQueue()
        threading.Thread(target=self._work, name=f"plugin {code.name}", daemon=True).start()

    @property
    def alive(self) -> bool:
        """Whether the guest may be called: it may not once it has trapped or was stopped."""
        return not self.stopping.is_set()

    def error(self, cause: str, during: str = "") -> PluginError:
        """What the guest has done wrong, and in which call."""
        return PluginError(f"plugin {self.code.name}: {during or self._during}: {cause}")

    def reported(self, kind: str, text: str) -> LumosError:
        """The failure that the guest itself reports: config, transient, data or fatal."""
        return _CLASSES[kind](f"plugin {self.code.name}: {self._during}: {text.strip() or 'failed without a reason'}")

    def reported_text(self, text: str) -> LumosError:
        """The same where errors are texts: one may open with its class, `transient: ..`; else it is fatal."""
        kind, colon, rest = text.partition(":")
        return self.reported(kind.strip(), rest) if colon and kind.strip() in _CLASSES else self.reported("fatal", text)

    def call(self, during: str, function: Callable[..., T], *arguments: Any) -> T:
        """What `function`, which may call the guest, gives; run in the guest's thread, its log lines told meanwhile."""
        if not self.alive:
            raise self.error("cannot be called any more: it was stopped before", during)
        self._during = during
        self.deadline = time.monotonic() + self.limits.timeout_seconds
        try:
            with self._cancellation.interrupting(partial(self._mail.put, None)):
                self._jobs.put(partial(function, *arguments))
                self._busy = True
                done = self._end_of_call()
                self._busy = False
            self.watch()
        except BaseException:  # a limit, a cancellation, or an interrupt of this very thread
            self._stop()
            raise
        if done.error is None:
            result: T = done.value
            return result
        error = self._explained(self._refusal or done.error)
        self.close()
        raise error from None

    def host(self, function: Callable[..., T]) -> Callable[..., T]:
        """`function` as a guest may import it: an error in it ends the guest, and is what the caller is told."""

        def guarded(*arguments: Any) -> T:
            try:
                return function(*arguments)
            except BaseException as error:  # nothing but the library's own error may pass through a guest
                self._refusal = self._refusal or error
                raise wasmtime.WasmtimeError("ended by its host") from None

        return guarded

    def say(self, text: str) -> None:
        """Log lines from the thread of the guest; PluginError when there are more than its limit."""
        for line in self._counted(text):
            self._mail.put(line)

    def tell(self, text: str) -> None:
        """The same from the thread of the caller."""
        for line in self._counted(text):
            self._log(line)

    def sleep(self, seconds: float) -> None:
        """Wait on behalf of the guest, no longer than it may run."""
        if self.stopping.wait(min(seconds, max(0.0, self.deadline - time.monotonic()) + GRACE)):
            raise self.error("was stopped while it slept")

    def close(self) -> None:
        """End the guest and its thread."""
        self.stopping.set()
        self._jobs.put(None)

    def _counted(self, text: str) -> Iterator[str]:
        for line in text.splitlines():
            self._lines += 1
            if self._lines > self.limits.log_lines:
                raise self.error(f"floods the log: more than its limit of {self.limits.log_lines} lines")
            yield line[:LONGEST_LINE]

    def _end_of_call(self) -> _Done:
        while True:
            left = self.deadline - time.monotonic()
            if left <= 0:
                raise self.error(f"ran longer than its limit of {self.limits.timeout_seconds:g} s")
            try:
                mail = self._mail.get(timeout=min(left, GLANCE))
            except queue.Empty:
                self.watch()
                continue
            if isinstance(mail, _Done):
                return mail
            if mail is None:
                self._cancellation.check()
            else:
                self._log(mail)

    def _stop(self) -> None:
        self.close()
        for unblock in list(self.unblock):
            unblock()
        self.code.engine.increment_epoch()
        until = time.monotonic() + GRACE
        with suppress(queue.Empty):
            while self._busy:
                self._busy = not isinstance(self._mail.get(timeout=max(0.0, until - time.monotonic())), _Done)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                self.store.set_epoch_deadline(1)
                if self.stopping.is_set():  # before the deadline was set, so that the epoch tells the guest nothing
                    raise wasmtime.WasmtimeError("stopped")
                done = _Done(job())
            except BaseException as error:  # carried over to the thread that waits
                done = _Done(error=error)
            self._mail.put(done)
        self.store.close()  # what host functions hold, and they hold this, no collector of Python's would free

    def _explained(self, error: BaseException) -> BaseException:
        if isinstance(error, OutOfBounds):
            return self.error(f"gave a bad pointer: {error}")
        if isinstance(error, LumosError) or not isinstance(error, Exception):
            return error
        if isinstance(error, wasmtime.ExitTrap):
            return self.error(f"ended itself with exit code {error.code}")
        if isinstance(error, wasmtime.Trap | wasmtime.WasmtimeError):
            cause = str(error).split("Caused by:")[-1].strip()
            hint = _HINTS.get(getattr(error, "trap_code", None), "")
            if self.memory_used() > self.limits.memory_mb << 20 >> 1:
                hint = f"has {self.memory_used() >> 20} of the {self.limits.memory_mb} MiB of memory it is allowed: "
            return self.error(hint + " ".join(cause.split()))
        return self.error(f"breaks its contract: {error}")


_HINTS: Mapping[object, str] = {
    wasmtime.TrapCode.STACK_OVERFLOW: "recurses too deep: ",
    wasmtime.TrapCode.MEMORY_OUT_OF_BOUNDS: "reaches beyond its memory: ",
}

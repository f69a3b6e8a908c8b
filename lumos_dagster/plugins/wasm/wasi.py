"""WASI preview 1 without arguments, environment, files or network, for modules whose compiler asks for it."""

import os
import time
from collections.abc import Callable
from functools import partial

import wasmtime

from lumos_dagster.plugins.wasm.linear import Linear
from lumos_dagster.plugins.wasm.sandbox import Sandbox

MODULE = "wasi_snapshot_preview1"
_OK, _BAD_FILE, _NOT_SUPPORTED, _IS_PIPE = 0, 8, 58, 70
_CHARACTER_DEVICE = 2
_FORBIDDEN = {"path": "files", "sock": "the network"}


class Wasi:
    """The functions of one guest: what it prints is log, it may ask for the time, randomness and a nap, and no more."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._open_line = b""

    def function(self, name: str) -> Callable[..., int | None]:
        """What the guest imports by this name; it is called with the caller before the guest's own arguments."""
        return getattr(self, f"_{name}", None) or partial(self._other, name)

    def _other(self, name: str, _: wasmtime.Caller, *__: int) -> int:
        group = name.split("_", maxsplit=1)[0]
        if group in _FORBIDDEN:
            raise self._sandbox.error(f"calls {name}, but a guest has no right to {_FORBIDDEN[group]} by way of WASI")
        return _BAD_FILE if group == "fd" else _NOT_SUPPORTED

    def _none(self, caller: wasmtime.Caller, count: int, size: int) -> int:
        memory = memory_of(caller)
        memory.put_number(count, 0)
        memory.put_number(size, 0)
        return _OK

    _args_sizes_get = _environ_sizes_get = _none

    def _nothing(self, _: wasmtime.Caller, *__: int) -> int:
        return _OK

    _args_get = _environ_get = _sched_yield = _fd_close = _fd_fdstat_set_flags = _nothing

    def _fd_write(self, caller: wasmtime.Caller, file: int, vectors: int, count: int, written: int) -> int:
        if file not in (1, 2):
            return _BAD_FILE
        memory = memory_of(caller)
        total = 0
        for at in range(vectors, vectors + 8 * count, 8):
            data = memory.read(memory.number(at), memory.number(at + 4))
            total += len(data)
            self._print(data)
        memory.put_number(written, total)
        return _OK

    def _print(self, data: bytes) -> None:
        *lines, rest = (self._open_line + data).split(b"\n")
        self._open_line = rest[:8192]
        for line in lines:
            self._sandbox.say(line.decode(errors="replace") or " ")

    def _fd_read(self, caller: wasmtime.Caller, file: int, _: int, __: int, read: int) -> int:
        if file != 0:
            return _BAD_FILE
        memory_of(caller).put_number(read, 0)
        return _OK

    def _fd_seek(self, *_: object) -> int:
        return _IS_PIPE

    def _fd_fdstat_get(self, caller: wasmtime.Caller, file: int, result: int) -> int:
        if file not in (0, 1, 2):
            return _BAD_FILE
        memory_of(caller).put_number(result, _CHARACTER_DEVICE, 24)
        return _OK

    def _clock_time_get(self, caller: wasmtime.Caller, clock: int, _: int, result: int) -> int:
        memory_of(caller).put_number(result, time.time_ns() if clock == 0 else time.monotonic_ns(), 8)
        return _OK

    def _clock_res_get(self, caller: wasmtime.Caller, _: int, result: int) -> int:
        memory_of(caller).put_number(result, 1000, 8)
        return _OK

    def _random_get(self, caller: wasmtime.Caller, target: int, length: int) -> int:
        memory = memory_of(caller)
        memory.write(target, os.urandom(len(memory.read(target, length))))
        return _OK

    def _proc_exit(self, _: wasmtime.Caller, code: int) -> None:
        raise self._sandbox.error(f"ended itself with exit code {code}")

    def _poll_oneoff(self, caller: wasmtime.Caller, wishes: int, events: int, count: int, answers: int) -> int:
        """Sleep until the first of the clocks that are asked for; whatever else is asked for never comes."""
        memory = memory_of(caller)
        naps = []
        for at in range(wishes, wishes + 48 * count, 48):
            if memory.read(at + 8, 1) == b"\0":
                clock, until = memory.number(at + 16), int.from_bytes(memory.read(at + 24, 8), "little")
                if memory.number(at + 40) & 1:
                    until = max(0, until - (time.time_ns() if clock == 0 else time.monotonic_ns()))
                naps.append((until, memory.read(at, 8)))
        if not naps:
            return _NOT_SUPPORTED
        nanoseconds, token = min(naps)
        self._sandbox.sleep(nanoseconds / 1e9)
        memory.write(events, token + bytes(24))
        memory.put_number(answers, 1)
        return _OK


def memory_of(caller: wasmtime.Caller) -> Linear:
    """The memory that the guest which calls exports. Raises WasmtimeError where there is none."""
    memory = caller.get("memory")
    if not isinstance(memory, wasmtime.Memory):
        raise wasmtime.WasmtimeError("it exports no memory")
    return Linear(memory, caller)

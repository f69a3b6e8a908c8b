"""The network of a guest: what was granted and nothing else, and no call that lasts longer than it may."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pytest

from lumos_dagster.errors import Interrupted, PluginError, TransientError
from lumos_dagster.plugins.guest import Rights
from lumos_dagster.plugins.wasm import WasmDriver
from lumos_dagster_tests.plugins.wasm.components import WIT, build, version2
from lumos_dagster_tests.plugins.wasm.guests import Guests, data

ROWS = pa.table({"id": [1, 2]})
TCP = "lumos:cap/tcp@1.0.0"
IMPORTS = f"""
  (import "{TCP}" "connect" (func $connect (param i32 i32 i32 i32)))
  (import "{TCP}" "read" (func $read (param i32 i32 i32)))
  (import "{TCP}" "write" (func $write (param i32 i32 i32 i32)))
  (import "{TCP}" "close" (func $close (param i32)))"""


def caller(guests: Guests, host: str, port: int) -> Path:
    """A loader that says "ping" to a server when it is opened, and reports what it answers as a transient failure."""
    size = len(host.encode())
    fails = """(i32.store (i32.const 8) (i32.const 1)) (i32.store (i32.const 12) (i32.const 1))
        (i64.store (i32.const 16) (i64.load (i32.const 4004))) (return (i32.const 8))"""
    steps = {
        "open": f"""(param i32 i32) (result i32)
          (call $connect (i32.const 3000) (i32.const {size}) (i32.const {port}) (i32.const 4000))
          (if (i32.load (i32.const 4000)) (then {fails}))
          (i32.store (i32.const 5000) (i32.load (i32.const 4004)))
          (call $write (i32.load (i32.const 5000)) (i32.const 3500) (i32.const 4) (i32.const 4000))
          (call $read (i32.load (i32.const 5000)) (i32.const 100) (i32.const 4000))
          (call $close (i32.load (i32.const 5000)))
          {fails}) (data (i32.const 3000) {data(host)}) (data (i32.const 3500) "ping\"""",
        "write": "(param i32 i32) (result i32) (unreachable)",
        "commit": "(result i32) (unreachable)",
        "abort": "",
    }
    return build(version2("loader", steps, IMPORTS), WIT / "v2", "networked-loader-plugin", guests.folder)


@contextmanager
def server(answer: bytes | None, then: Callable[[], object] = int) -> Iterator[tuple[int, list[bytes]]]:
    """One that answers whoever calls once, or never where there is no answer; `then` is done when it was called."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with listening.accept()[0] as connection:
                heard.append(connection.recv(100))
                then()
                if answer is not None:
                    connection.sendall(answer)
                heard.append(connection.recv(100))  # until the other side has closed

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listening.getsockname()[1], heard
        finally:
            socket.create_connection(listening.getsockname()).close()  # in case that nobody has called
            thread.join(20)
        assert not thread.is_alive()


def call(guests: Guests, port: int, *granted: str, **limits: float) -> None:
    with guests.guest(caller(guests, "127.0.0.1", port), Rights(net=granted), **limits) as guest:
        guest.load("{}", ROWS.to_reader())


def test_a_granted_server_can_be_spoken_to(guests: Guests) -> None:
    with server(b"pong") as (port, heard), pytest.raises(TransientError, match="plugin guest: open: pong"):
        call(guests, port, "other:1", f"127.0.0.1:{port}")

    assert heard == [b"ping", b""]


@pytest.mark.parametrize("granted", [(), ("127.0.0.1:1", "localhost:{port}")])
def test_any_other_server_ends_the_guest(guests: Guests, granted: tuple[str, ...]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        port = listening.getsockname()[1]
        said = rf"plugin guest: open: connects to 127\.0\.0\.1:{port}, which was not granted; granted: (nothing|127.*local)"

        with pytest.raises(PluginError, match=said):
            call(guests, port, *(place.format(port=port) for place in granted))

        with pytest.raises(BlockingIOError):
            listening.accept()


def test_no_server_is_a_failure_that_the_guest_can_tell(guests: Guests) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]

    with pytest.raises(
        TransientError, match=f"plugin guest: open: cannot connect to 127.0.0.1:{port}: Connection refused"
    ):
        call(guests, port, f"127.0.0.1:{port}")


def test_a_server_that_never_answers_is_not_waited_for(guests: Guests) -> None:
    with (
        server(None) as (port, heard),
        pytest.raises((PluginError, TransientError), match=r"limit of 2 s|timed out"),
    ):
        call(guests, port, f"127.0.0.1:{port}", timeout_seconds=2)

    assert heard == [b"ping", b""]


def test_a_cancelled_run_breaks_a_read_at_once(guests: Guests) -> None:
    def cancel() -> None:
        guests.cancellation.cancel(Interrupted("the run was told to end"))

    started = time.monotonic()
    with server(None, cancel) as (port, heard), pytest.raises(Interrupted):
        call(guests, port, f"127.0.0.1:{port}", timeout_seconds=60)

    assert heard == [b"ping", b""]
    assert time.monotonic() - started < 30


def test_what_needs_the_network_says_so(guests: Guests) -> None:
    assert WasmDriver().describe(caller(guests, "example.invalid", 1)).needs == ("net",)

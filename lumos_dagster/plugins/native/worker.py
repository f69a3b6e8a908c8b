"""The process in which a native plugin runs: it takes one command, and ends with its host."""

import json
import os
import socket
import sys
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pyarrow as pa

from lumos_dagster.plugins.native import library
from lumos_dagster.plugins.native.channel import Channel, Message
from lumos_dagster.plugins.native.library import BrokenContractError, Opened, ReportedError, Stream
from lumos_dagster.plugins.native.page import Page


class Worker:
    """Does what the host asks, one message at a time."""

    def __init__(self, channel: Channel, page: Page) -> None:
        self._channel, self._page = channel, page
        self._early: deque[Message] = deque()

    def work(self) -> None:
        """Take the one command, and say how it ended."""
        self._channel.send(Message("ready"))
        command = json.loads(self._asked("command").text)
        try:
            answer = self._done(command)
        except ReportedError as error:
            self._channel.send(Message(error.kind, error.text))
        except (BrokenContractError, pa.ArrowException) as error:
            self._channel.send(Message("contract", str(error)))
        else:
            self._channel.send(Message("done", answer))

    def _done(self, command: dict[str, str]) -> str:
        pa.set_memory_pool(pa.system_memory_pool())
        _limit_memory(int(command["memory_mb"]) << 20)
        plugin = library.load(Path(command["binary"]), self._page.enter)
        if not command["kind"]:
            return json.dumps(library.metadata(plugin))
        opened = Opened(plugin, command["kind"], self._page.flag, self._page.enter)
        opened.open(command["options"])
        answer = self._used(opened, command["kind"])
        opened.close()
        return answer

    def _used(self, opened: Opened, kind: str) -> str:
        given, out = Stream(), Stream()
        if kind != "extractor":
            schema = self._rows(self._asked("schema")).schema
            pa.RecordBatchReader.from_batches(schema, self._given())._export_to_c(given.address)
        if kind == "loader":
            return str(opened.load(given))
        if kind == "extractor":
            opened.extract(out)
        else:
            opened.transform(given, out)
        self._give(opened, out)
        return ""

    def _given(self) -> Iterator[pa.RecordBatch]:
        """The rows that the plugin takes; the host makes the next batch ready while the plugin has this one."""
        self._channel.send(Message("wants"))
        while True:
            during = self._page.during
            message = self._asked("rows")
            self._page.enter(during)
            if message.rows is None:
                return
            self._channel.send(Message("wants"))
            yield message.rows

    def _give(self, opened: Opened, out: Stream) -> None:
        """The rows that the plugin gives, each batch made when it is wanted. Its layout is checked here, as what is
        wrong there cannot be sent; the values are by the host.
        """
        try:
            self._page.enter("get_schema")
            rows = pa.RecordBatchReader._import_from_c(out.address)
            self._channel.send(Message("schema", rows=pa.RecordBatch.from_pylist([], rows.schema)))
            while True:
                self._asked("next")
                self._page.enter("get_next")
                batch = rows.read_next_batch()
                batch.validate()
                self._channel.send(Message("rows", rows=batch))
                del batch
        except StopIteration:
            return
        except (pa.ArrowException, OSError) as error:
            if opened.error.kind or opened.error.message:
                raise opened.error.reported() from None
            raise BrokenContractError(f"its stream failed: {str(error) or 'without a reason'}") from None

    def _asked(self, kind: str) -> Message:
        """The next message of this kind; rows may come before they are looked for."""
        for message in self._early:
            if message.kind == kind:
                self._early.remove(message)
                return message
        while True:
            arrived = self._channel.receive()
            if arrived is None:
                os._exit(0)
            if arrived.kind == kind:
                return arrived
            self._early.append(arrived)

    @staticmethod
    def _rows(message: Message) -> pa.RecordBatch:
        assert message.rows is not None  # noqa: S101 - the host sends a schema first
        return message.rows


def _limit_memory(more: int) -> None:
    """No more than this beside what the process has already, and no core files."""
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(OSError, StopIteration):
        lines = Path("/proc/self/status").read_text("utf-8").splitlines()
        now = next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmData:"))
        resource.setrlimit(resource.RLIMIT_DATA, (now + more, now + more))


def _end_with(host: int) -> None:
    """Wait for the host's end of a pipe to close, which it does even when the host is killed."""
    while os.read(host, 1):
        pass
    os._exit(1)


def main() -> None:
    """The files of the command line: the socket, the shared page. Standard input ends when the host does."""
    connection, page = int(sys.argv[1]), int(sys.argv[2])
    host = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    threading.Thread(target=_end_with, args=(host,), daemon=True).start()
    with socket.socket(fileno=connection) as own:
        Worker(Channel(own), Page(page)).work()
    os._exit(0)


if __name__ == "__main__":
    main()

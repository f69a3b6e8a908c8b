"""Messages and batches between the host and a plugin's process: a socket for words, shared memory for rows."""

import json
import mmap
import os
import socket
import struct
import tempfile
import weakref
from collections import deque
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

SMALLEST = 1 << 20
_LENGTH = struct.Struct("!I")
_AT_ONCE = getattr(mmap, "MAP_POPULATE", 0)  # Linux: all pages now, instead of one fault for each


@dataclass(frozen=True)
class Message:
    """What one side tells the other: what it is, in words, and perhaps rows."""

    kind: str
    text: str = ""
    rows: pa.RecordBatch | None = None


def shared_memory(size: int) -> int:
    """A file descriptor of memory that another process may map; gone when nobody has it any more."""
    if hasattr(os, "memfd_create"):
        file = os.memfd_create("lumos")
    else:
        with tempfile.TemporaryFile() as kept:
            file = os.dup(kept.fileno())
    os.truncate(file, size)
    return file


class Channel:
    """One end of the connection.

    A batch lies in a segment of shared memory, which the other side reads where it is. Once nothing there
    refers to the batch any more, the sender is told so with the next message, and uses the segment again.
    """

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self._own: dict[int, mmap.mmap] = {}
        self._free: list[int] = []
        self._theirs: dict[int, mmap.mmap] = {}
        self._done_with: deque[int] = deque()

    def send(self, message: Message) -> None:
        """Raises OSError when the other side is gone."""
        header: dict[str, Any] = {"kind": message.kind, "text": message.text, "free": self._taken_back()}
        files: list[int] = []
        if message.rows is not None:
            header["segment"], header["size"], files = self._put(message.rows)
        data = json.dumps(header).encode()
        frame = _LENGTH.pack(len(data)) + data
        try:
            sent = socket.send_fds(self.connection, [frame], files)
        finally:
            for file in files:
                os.close(file)
        self.connection.sendall(memoryview(frame)[sent:])

    def receive(self) -> Message | None:
        """The next message; None when the other side is gone. Raises OSError or ValueError for a broken one."""
        head, files, _, _ = socket.recv_fds(self.connection, _LENGTH.size, 1, socket.MSG_WAITALL)
        if len(head) < _LENGTH.size:
            return None
        header = json.loads(self._exactly(_LENGTH.unpack(head)[0]))
        self._free += header["free"]
        rows = None
        if "segment" in header:
            if files:
                self._theirs[header["segment"]] = mmap.mmap(files[0], 0)
                os.close(files[0])
            rows = self._rows(header["segment"], header["size"])
        return Message(header["kind"], header["text"], rows)

    def _exactly(self, size: int) -> bytes:
        data = bytearray(size)
        view = memoryview(data)
        while view:
            got = self.connection.recv_into(view)
            if not got:
                raise ConnectionResetError
            view = view[got:]
        return bytes(data)

    def _put(self, rows: pa.RecordBatch) -> tuple[int, int, list[int]]:
        """The segment that the rows were written to, how long they are there, and its file if it is a new one."""
        counter = pa.MockOutputStream()
        _write(counter, rows)
        size = counter.size()
        files: list[int] = []
        segment = next((free for free in self._free if len(self._own[free]) >= size), None)
        if segment is None:
            segment = len(self._own)
            files = [shared_memory(max(SMALLEST, 1 << (size - 1).bit_length()))]
            self._own[segment] = mmap.mmap(files[0], 0, mmap.MAP_SHARED | _AT_ONCE)
        else:
            self._free.remove(segment)
        _write(pa.FixedSizeBufferWriter(pa.py_buffer(self._own[segment])), rows)
        return segment, size, files

    def _rows(self, segment: int, size: int) -> pa.RecordBatch:
        view = memoryview(self._theirs[segment])[:size]
        weakref.finalize(view, self._done_with.append, segment)
        return pa.ipc.open_stream(pa.py_buffer(view)).read_next_batch()

    def _taken_back(self) -> list[int]:
        done = []
        while self._done_with:
            done.append(self._done_with.popleft())
        return done


def _write(sink: Any, rows: pa.RecordBatch) -> None:
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_batch(rows)

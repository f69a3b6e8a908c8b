"""A core module's linear memory, every access of it held against its bounds."""

import ctypes

import wasmtime

from lumos_dagster.errors import PluginError

_UNSIGNED = 0xFFFFFFFF


class OutOfBounds(PluginError):
    """A pointer or length that the guest gave lies outside its memory."""


class Linear:
    """The memory of one guest; pointers come as the signed integers that WebAssembly gives."""

    def __init__(self, memory: wasmtime.Memory, store: "wasmtime.Store | wasmtime.Caller") -> None:
        self._memory, self._store = memory, store

    @property
    def size(self) -> int:
        """How many bytes it has now."""
        return self._memory.data_len(self._store)

    def read(self, pointer: int, length: int) -> bytes:
        """A copy of what is there. Raises OutOfBounds."""
        length &= _UNSIGNED
        return ctypes.string_at(self._address(pointer, length), length)

    def write(self, pointer: int, data: bytes) -> None:
        """Put the bytes there. Raises OutOfBounds."""
        ctypes.memmove(self._address(pointer, len(data)), data, len(data))

    def number(self, pointer: int) -> int:
        """The 32 bits that are there."""
        return int.from_bytes(self.read(pointer, 4), "little")

    def put_number(self, pointer: int, number: int, size: int = 4) -> None:
        """Put a number there, of so many bytes."""
        self.write(pointer, number.to_bytes(size, "little"))

    def grow(self, size: int) -> int:
        """More memory for the host's own use, at least so many bytes; where it begins. Raises PluginError."""
        start = self.size
        try:
            self._memory.grow(self._store, -(-size // 65536))
        except wasmtime.WasmtimeError:
            raise PluginError(f"its memory cannot grow by the {size} bytes that its arguments need") from None
        return start

    def _address(self, pointer: int, length: int) -> int:
        pointer &= _UNSIGNED
        if pointer + length > self.size:
            raise OutOfBounds(f"{length} bytes at {pointer} lie outside its memory of {self.size} bytes")
        return ctypes.addressof(self._memory.data_ptr(self._store).contents) + pointer

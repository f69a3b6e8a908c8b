"""A page of memory that the host and a plugin's process share, readable even after that process has died."""

import ctypes
import mmap

PAGE = 4096
_FLAG, _DURING = slice(0, 4), slice(64, 128)


class Page:
    """Whether the op is to end, and what the plugin is doing."""

    def __init__(self, file: int) -> None:
        self._memory = mmap.mmap(file, PAGE)

    @property
    def flag(self) -> int:
        """The address of the flag."""
        return ctypes.addressof(ctypes.c_int32.from_buffer(self._memory))

    def cancel(self) -> None:
        """Set the flag."""
        self._memory[_FLAG] = b"\1\0\0\0"

    @property
    def during(self) -> str:
        """Which call of the plugin is running, or was the last."""
        return self._memory[_DURING].rstrip(b"\0").decode(errors="replace")

    def enter(self, name: str) -> None:
        """Note the call that begins."""
        self._memory[_DURING] = name.encode().ljust(_DURING.stop - _DURING.start, b"\0")

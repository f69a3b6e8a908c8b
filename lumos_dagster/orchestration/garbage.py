"""What a process has loaded and keeps to its end is not searched for garbage."""

import atexit
import gc
import sys


def keep() -> None:
    """Set apart all that there is now: to look through it again and again is a quarter of the time of a small job."""
    gc.freeze()
    atexit.register(_let_go)


def _let_go() -> None:
    if "duckdb" in sys.modules:  # which tells on stderr of each object of its own that is not collected at the end
        gc.unfreeze()

"""What a process has loaded and keeps to its end is not searched for garbage."""

import atexit
import gc
import sys

_OBJECTS_UNTIL_SEARCH = 50_000


def seldom() -> None:
    """For a command, whose start is to stay there: looking through it for garbage is a sixth of a short run."""
    gc.set_threshold(_OBJECTS_UNTIL_SEARCH)
    keep()


def keep() -> None:
    """Set apart all that there is now: to look through it again and again is a quarter of the time of a small job."""
    gc.freeze()
    atexit.register(_end)


def _end() -> None:
    """Nothing is searched at the end either, when all goes anyway: that takes a quarter of a short run."""
    if "duckdb" in sys.modules:  # which tells on stderr of each object of its own that is not collected
        gc.unfreeze()
    else:
        gc.freeze()

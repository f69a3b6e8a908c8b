"""Which process carries a run, so that a run left behind by a dead one can be told from one that still works."""

import multiprocessing
import os
import socket

import psutil

PROCESS = "lumos/process"
WORKER = "lumos/worker/"


def process_of_run() -> str:
    """The process that coordinates this run: this one, or the one that started this step's process."""
    parent = multiprocessing.parent_process()
    return _identity(psutil.Process(parent.pid if parent and parent.pid else os.getpid()))


def worker_of_step() -> dict[str, str]:
    """A tag that names the process which was started for a step alone: it may outlive the one of the run."""
    if multiprocessing.parent_process() is None:
        return {}
    return {f"{WORKER}{os.getpid()}": _identity(psutil.Process())}


def is_dead(identity: str) -> bool | None:
    """Whether the process of a run is gone; None where it cannot be known from this machine."""
    host, _, rest = identity.partition(":")
    if host != socket.gethostname() or not rest:
        return None
    try:
        process = psutil.Process(int(rest.split(":")[0]))
        # A dead one whose parent has not asked for its end is still listed.
        return process.status() == psutil.STATUS_ZOMBIE or _identity(process) != identity
    except psutil.NoSuchProcess:
        return True


def _identity(process: psutil.Process) -> str:
    """A pid is used again, a pid with its start time is not."""
    return f"{socket.gethostname()}:{process.pid}:{process.create_time():.0f}"

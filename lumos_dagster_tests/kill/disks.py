"""Small disks for servers: a tmpfs mounted where a database of theirs lies; mounting needs root."""

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg

from lumos_dagster_tests.kill.servers import Servers
from lumos_dagster_tests.kill.targets import MariaDB, PostgreSQL, Target
from lumos_dagster_tests.servers.mariadb import MariadbDatabase

_NAME = "small"
_SIZE = "size=64m"


@contextmanager
def on_small_disks(servers: Servers) -> Iterator[Mapping[str, tuple[Target, Path]]]:
    """A database of each server on a disk of its own, and where that is mounted; none where nobody may mount."""
    postgres, data = servers.postgres, servers.mariadb_on_disk.data
    with ExitStack() as stack:
        disks = [postgres.folder / _NAME, data / _NAME]
        if not all(_mounted(disk, stack) for disk in disks):
            yield {}
            return
        (disks[0] / "space").mkdir()
        for path in (*disks, disks[0] / "space"):
            shutil.chown(path, "nobody")
        with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
            connection.execute(f"create tablespace {_NAME} location '{disks[0] / 'space'}'".encode())
            connection.execute(f"create database {_NAME} tablespace {_NAME}".encode())
        yield {
            "postgresql": (PostgreSQL(postgres.url(_NAME)), disks[0]),
            "mariadb": (MariaDB(MariadbDatabase(servers.mariadb, _NAME)), disks[1]),
        }


def _mounted(folder: Path, stack: ExitStack) -> bool:
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", _SIZE, "tmpfs", folder]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        folder.rmdir()
        return False
    # Lazily: the server has files open there until it ends.
    stack.callback(subprocess.run, ["umount", "--lazy", folder], check=True)
    return True

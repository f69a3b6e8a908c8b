"""The jdbc loader: rows into a table in one transaction, with the ledger's entry in it."""

from pathlib import Path
from typing import Any

import pyarrow as pa

from lumos_dagster.accounting import Task
from lumos_dagster.connectors.jdbc.address import Address
from lumos_dagster.connectors.jdbc.ledger import Ledger
from lumos_dagster.connectors.jdbc.loading import Loading
from lumos_dagster.connectors.jdbc.options import LoadOptions, location_of, split_name
from lumos_dagster.connectors.jdbc.session import connect, waiting
from lumos_dagster.connectors.jdbc.staging import KEYED
from lumos_dagster.connectors.jdbc.tables import Table
from lumos_dagster.errors import TerminalError
from lumos_dagster.interface import Loader, LoadResult


class JdbcLoader(LoadOptions, Loader):
    """Writes rows into a table, all or nothing, strictly in the types of its columns."""

    def target(self) -> tuple[str, ...]:
        """The database and the table."""
        return (*self.address().place, *(part for part in split_name(self.table_name) if part))

    def location(self) -> str:
        """The file, or the table on its server."""
        return location_of(self.address(), self.table_name)

    def write(self, rows: pa.RecordBatchReader, task: Task) -> LoadResult:
        """Load everything in one transaction; a load that the ledger knows is only counted."""
        address = self.address()
        if address.database.in_a_file:
            self._see_to_the_file(Path(address.name).resolve())
        schema, name = split_name(self.table_name)
        table = Table(address.database, schema, name, self.key_column if self.load_mode in KEYED else ())
        table.check_names()
        ledger = Ledger(table, task)
        with connect(address, task) as raw:
            self._prepare(raw, ledger, address, task)
            loading = Loading(raw, table, self, task)
            if (done := ledger.claim(raw)) is not None:
                task.log(f"{task.op}: this load was committed by an earlier attempt; nothing is written again")
                loading.count_again(rows, done)
                return done.result
            done = loading.load(rows)
            ledger.record(raw, done, self.model_dump_json(exclude={"connection_string", "password"}))
            task.cancellation.check()
            doubt = self._commit(raw, address, task)
        if doubt:
            self._ask_the_ledger(address, ledger, task, doubt)
        return done.result

    def _prepare(self, raw: Any, ledger: Ledger, address: Address, task: Task) -> None:
        """See that the ledger's table is there, and open the transaction of the load."""
        database = address.database
        database.begin(raw, waiting(task), writes=True)
        if ledger.is_there(raw):
            return
        try:
            ledger.make(raw)
            database.commit(raw, waiting(task))
        except database.driver_errors() as error:  # another process may have made it in the same moment
            reason = database.error(error)
            raw.rollback()
            database.begin(raw, waiting(task), writes=True)
            if ledger.is_there(raw):
                return
            raise ledger.cannot_be_made(reason) if isinstance(reason, TerminalError) else reason from None
        database.begin(raw, waiting(task), writes=True)

    def _commit(self, raw: Any, address: Address, task: Task) -> Exception | None:
        """Commit; gives the driver's error where it may or may not have come through."""
        try:
            address.database.commit(raw, waiting(task))
        except address.database.driver_errors() as error:
            return error
        return None

    def _ask_the_ledger(self, address: Address, ledger: Ledger, task: Task, error: Exception) -> None:
        """The connection broke while it committed: only the ledger knows whether the rows are in."""
        with connect(address, task) as raw:
            address.database.begin(raw, waiting(task), writes=False)
            if ledger.find(raw) is not None:
                return
        reason = address.database.error(error)
        raise type(reason)(f"the commit did not come through: {reason}") from None

    def _see_to_the_file(self, file: Path) -> None:
        """A database file is made where a table is to be made in it; a wrong path makes nothing."""
        makes_tables = self.create_table or self.table_schema or self.pre_sql or self.load_mode == "replace"
        if not file.exists() and not makes_tables:
            raise TerminalError(
                f"there is no database file {str(file)!r}; check connection_string, or set create_table: true"
            )
        _make_folder(file.parent)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TerminalError(
            f"the folder {str(folder)!r} for the database file cannot be made: {error.strerror}"
        ) from None

"""The jdbc loader: rows into a table in one transaction, or one a batch, with the ledger's entry in each."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from lumos_dagster.accounting import Task
from lumos_dagster.connectors.jdbc.address import Address
from lumos_dagster.connectors.jdbc.done import Done
from lumos_dagster.connectors.jdbc.ledger import Ledger
from lumos_dagster.connectors.jdbc.loading import Loading
from lumos_dagster.connectors.jdbc.options import LoadOptions, location_of, split_name
from lumos_dagster.connectors.jdbc.preparing import Preparing
from lumos_dagster.connectors.jdbc.session import connect, waiting
from lumos_dagster.connectors.jdbc.staging import KEYED
from lumos_dagster.connectors.jdbc.tables import Matched, Table
from lumos_dagster.connectors.jdbc.together import how_many_others, looked_at, others
from lumos_dagster.connectors.jdbc.watermarks import Watermarks
from lumos_dagster.errors import TerminalError
from lumos_dagster.interface import Increments, Loader, LoadResult
from lumos_dagster.values import Raw, has_placeholder
from lumos_dagster.watermarks import Watermark


class JdbcLoader(LoadOptions, Loader):
    """Writes rows into a table, all or nothing, strictly in the types of its columns."""

    @property
    def atomic(self) -> bool:
        """Not where each batch is committed by itself."""
        return self.commit == "load"

    @classmethod
    def why_no_watermark(cls, options: Mapping[str, Raw], increments: Increments) -> str:
        """What is not kept in one transaction with the rows, or would lose or double some of them."""
        mode, commit = str(options.get("load_mode", "insert")), options.get("commit", "load")
        if has_placeholder([mode, commit]):
            return "load_mode and commit must be written out, not given by a placeholder"
        if mode in ("replace", "truncate"):
            return f"load_mode: {mode} would lose the rows of earlier loads; use upsert or insert"
        if mode in ("insert", "append") and (increments == "again" or commit == "batch"):
            why = (
                "lag reads rows again" if increments == "again" else "commit: batch leaves rows of a failed load there"
            )
            return f"{why}, and load_mode: {mode} would double them; use load_mode: upsert"
        return ""

    def watermark(self, op: str, task: Task) -> Watermark | None:
        """From the table of watermarks beside the target."""
        address = self.address()
        if address.database.in_a_file and not Path(address.name).is_file():
            return None
        with connect(address, task) as raw:
            address.database.begin(raw, waiting(task), writes=False)
            return Watermarks(Table(address.database, *split_name(self.table_name)), task).find(raw, op)

    def target(self) -> tuple[str, ...]:
        """The database and the table."""
        return (*self.address().place, *(part for part in split_name(self.table_name) if part))

    def location(self) -> str:
        """The file, or the table on its server."""
        return location_of(self.address(), self.table_name)

    def write(self, rows: pa.RecordBatchReader, task: Task) -> LoadResult:
        """Load everything; a load that the ledger knows is only counted, one that it knows in part goes on."""
        address = self.address()
        task.names = {name: self.columns.get(name, name) for name in rows.schema.names}
        if address.database.in_a_file:
            self._see_to_the_file(Path(address.name).resolve())
        schema, name = split_name(self.table_name)
        table = Table(address.database, schema, name, self.key_column if self.load_mode in KEYED else ())
        table.check_names()
        ledger = Ledger(table, task)
        with connect(address, task) as raw:
            self._begin(raw, [ledger, *([Watermarks(table, task)] if task.windows else [])], address, task)
            more = how_many_others(self, address.database, task)
            if more is None:
                raw.rollback()  # the first rows may take their time
                more, rows = looked_at(rows)
                address.database.begin(raw, waiting(task), writes=True)
            before = ledger.claim(raw)
            with others(raw, address, 0 if before else more, task) as beside:
                preparing = Preparing(raw, table, self, ledger.key, beside)
                done, doubt = self._load(preparing, before, rows, ledger, task)
        if doubt:
            self._ask_the_ledger(table, ledger, task, doubt)
        return done.result

    def _load(
        self, preparing: Preparing, before: Done | None, rows: pa.RecordBatchReader, ledger: Ledger, task: Task
    ) -> tuple[Done, Exception | None]:
        """What the load came to, and the driver's error where its last commit may or may not have come through."""
        raw, table, beside = preparing.raw, preparing.table, preparing.others
        database = table.database
        if before is None or before.upto is not None:
            prepared = preparing.make_tables(rows.schema, goes_on=before is not None)
            if database.ddl_commits:
                before = ledger.claim(raw)
        if before is not None and before.upto is None:
            task.log(f"{task.op}: this load was committed by an earlier attempt; nothing is written again")
            preparing.swap_committed()
            sources = [fit.source for fit in before.fits]
            known = Matched(list(before.fits), [name for name in rows.schema.names if name not in sources])
            Loading(raw, table, known, self, task).count_again(rows, before)
            return before, None
        if before is None:
            preparing.empty()
        loading = Loading(raw, prepared.into, prepared.matched, self, task, beside)
        for done in loading.commits(rows, before):
            if done.upto is None:
                if beside:
                    beside.commit()
                preparing.finish(prepared.into)
                Watermarks(table, task).keep(raw)
            ledger.record(raw, done, self.model_dump_json(exclude={"connection_string", "password"}))
            task.cancellation.check()
            try:
                database.commit(raw, waiting(task))
            except database.driver_errors() as error:
                return done, error
            if done.upto is not None:
                database.begin(raw, waiting(task), writes=True)
        preparing.swap_committed()
        return done, None

    def _begin(self, raw: Any, tables: Sequence[Ledger | Watermarks], address: Address, task: Task) -> None:
        """See that our own tables are there, and open the transaction of the load."""
        address.database.begin(raw, waiting(task), writes=True)
        for table in tables:
            if not table.is_there(raw):
                self._make(raw, table, address, task)

    def _make(self, raw: Any, ledger: Ledger | Watermarks, address: Address, task: Task) -> None:
        database = address.database
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

    def _ask_the_ledger(self, table: Table, ledger: Ledger, task: Task, error: Exception) -> None:
        """The connection broke while it committed: only the ledger knows whether the rows are in."""
        address = self.address()
        with connect(address, task) as raw:
            address.database.begin(raw, waiting(task), writes=True)
            if ledger.has_ended(raw):
                Preparing(raw, table, self, ledger.key).swap_committed()
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

"""The target made ready for the rows: found, made, emptied or made anew, its columns matched with the input's."""

import secrets
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from lumos_dagster.connectors.jdbc import replacing
from lumos_dagster.connectors.jdbc.options import LoadOptions
from lumos_dagster.connectors.jdbc.staging import check_unique
from lumos_dagster.connectors.jdbc.tables import Matched, Matching, Table
from lumos_dagster.connectors.jdbc.together import Others
from lumos_dagster.errors import TerminalError


@dataclass(frozen=True)
class Prepared:
    """The table to fill, which is another one than the target where that is replaced, and its columns."""

    into: Table
    matched: Matched


@dataclass
class Preparing:
    """Makes `table` ready for one load. What it makes is committed at once where the database cannot do otherwise."""

    raw: Any
    table: Table
    options: LoadOptions
    load_key: str
    others: Others | None = None
    """What fills a new table beside `raw`, and has to see it."""

    def make_tables(self, schema: pa.Schema, goes_on: bool) -> Prepared:
        """All that changes tables. `goes_on`: the load has committed batches already, so that its tables are there."""
        database, options = self.table.database, self.options
        columns = self._matching().renamed(schema)
        self._check_scripts()
        is_replaced = options.load_mode == "replace"
        database.check_target(self.raw, self.table.schema, self.table.name, is_replaced)
        makes = options.create_table or options.table_schema is not None
        if not is_replaced and makes and not self.table.columns(self.raw):
            self.table.wait_turn(self.raw)
            if not self.table.columns(self.raw):  # nobody has made it meanwhile
                self._make(self.raw, self.table, columns, with_key=options.load_mode == "upsert")
        if not goes_on and (options.pre_sql_commits or not database.ddl_commits):
            self._run(options.pre_sql)
        into = self._anew(columns, goes_on) if is_replaced else self.table
        if not into.columns(self.raw):
            raise into.missing(self.raw, "; set create_table: true to make it")
        if options.load_mode == "upsert":
            check_unique(self.raw, into)
        return Prepared(into, self._matching().matched(self.raw, into, schema))

    def empty(self) -> None:
        """What comes before the rows in their own transaction."""
        if self.table.database.ddl_commits and not self.options.pre_sql_commits:
            self._run(self.options.pre_sql)
        if self.options.load_mode == "truncate":
            self.table.database.execute(self.raw, f"DELETE FROM {self.table.quoted}")

    def finish(self, into: Table) -> None:
        """What comes behind the rows in their own transaction, in which a new table takes the old one's place."""
        if into is not self.table and not self.table.database.ddl_commits:
            replacing.swap(self.raw, self.table, into)
        self._run(self.options.post_sql)

    def swap_committed(self) -> None:
        """Where making tables commits by itself, a new one takes the old one's place when its rows are committed.

        Also for an attempt that was killed between the two.
        """
        if self.options.load_mode == "replace" and self.table.database.ddl_commits:
            self.table.wait_turn(self.raw)
            new = replacing.beside(self.table, self.load_key)
            if new.columns(self.raw):
                replacing.swap(self.raw, self.table, new)

    def _anew(self, columns: pa.Schema, goes_on: bool) -> Table:
        table, ddl = self.table, self.options.table_schema
        table.wait_turn(self.raw)
        in_place = not table.database.swaps or (ddl is not None and not table.database.ddl_commits)
        new = table if in_place else replacing.beside(table, self.load_key)
        if goes_on:
            return new
        maker = self.raw
        if self.others and not table.database.ddl_commits:  # in a transaction of its own, so that the others see it
            maker, new = self.others.raws[0], replacing.beside(table, secrets.token_hex(8))
        replacing.drop_leftovers(maker, table)
        if in_place:
            table.drop(self.raw)
        self._make(maker, new, columns, with_key=False)
        if self.others:
            self.others.hold(new)
        return new

    def _make(self, raw: Any, table: Table, columns: pa.Schema, with_key: bool) -> None:
        ddl = self.options.table_schema
        if ddl is None:
            table.make(raw, columns, with_key)
            return
        if table is not self.table:
            ddl = replacing.renamed_ddl(ddl, table)
        table.database.run_script(raw, ddl)
        if not table.columns(raw):
            raise TerminalError(f"table_schema was run, but {table.missing(raw)} Do the names agree?")

    def _check_scripts(self) -> None:
        options, database = self.options, self.table.database
        if options.post_sql and options.load_mode == "replace" and database.ddl_commits:
            raise TerminalError(
                f"post_sql cannot go with load_mode: replace in {database.name}, where the new table takes the place "
                "of the old one only after the commit: put it into a job of its own, behind this one"
            )
        for script in (*(() if options.pre_sql_commits else options.pre_sql), *options.post_sql):
            database.check_script(script)

    def _run(self, scripts: tuple[str, ...]) -> None:
        for script in scripts:
            self.table.database.run_script(self.raw, script)

    def _matching(self) -> Matching:
        options = self.options
        has_schema = options.table_schema is not None
        return Matching(options.columns, has_schema, options.schema_change, makes_rows=options.load_mode != "update")

"""How a database spells the statements that all of them know: declared data, filled in by whoever uses a form."""

from collections.abc import Sequence
from dataclasses import dataclass

WHEN_THERE = " WHEN MATCHED THEN UPDATE SET {changes}"
WHEN_MISSING = " WHEN NOT MATCHED THEN INSERT ({columns}) VALUES ({values})"
"""What a MERGE does with rows, as all databases spell it that have one."""
_INSERT = "INSERT INTO {target} ({columns}) {overriding} SELECT {columns} FROM {staged}"


@dataclass(frozen=True)
class Forms:
    """Templates; those given here are what most databases agree on.

    In those that bring staged rows into a table, `{target}` is the table, `{columns}` are the columns filled,
    `{staged}` is a subquery of that name, `{same_key}` compares the keys of both, `{key}` lists the key's columns,
    `{changes}` assigns the other columns as `change` spells it, `{excluded_changes}` assigns them from what an INSERT
    could not insert, `{values}` are the columns as `staged` gives them; `{in_order}` puts the rows in the
    order in which they came.
    """

    mark: str = "%s"
    """How the driver spells a value's place in a statement; `{number}` counts from 1."""
    quotes: tuple[str, str] = ('"', '"')
    """What stands before and after a name; the second is doubled inside."""

    staging: str = "_lumos_staging"
    stays_in_order: bool = False
    """Whether a staging table that is read from end to end gives its rows in the order in which they came."""
    make_staging: str = "CREATE TEMPORARY TABLE {staging} ({columns})"
    index_staging: str = "CREATE INDEX _lumos_by_position ON {staging} ({position})"
    """For rows that are looked up by their position; empty where that is not needed, or not to be had."""
    drop_staging: str = "DROP TABLE {staging}"
    create_table: str = "CREATE TABLE {table} ({columns})"
    drop_table: str = "DROP TABLE IF EXISTS {table}"
    add_column: str = "ALTER TABLE {table} ADD COLUMN {column}"
    primary_key: str = "PRIMARY KEY ({key})"
    swap: tuple[str, ...] = ("DROP TABLE IF EXISTS {target}", "ALTER TABLE {beside} RENAME TO {name}")
    """Put the table `beside` in the place of `target`, whose name without its schema is `name`; `old` is free.

    `beside_text` and `name_text` stand between single quotes, the latter not quoted as a name; `old_name` is `old`
    without its schema.
    """
    move: tuple[str, ...] = ("ALTER TABLE {beside} RENAME TO {name}",)
    """The same where there is no `target` yet."""

    insert_once: str = "INSERT INTO {table} ({columns}) VALUES ({values}) ON CONFLICT DO NOTHING"
    """Insert a row unless its key is there."""

    insert: str = _INSERT + " {in_order}"
    update: str = "UPDATE {target} SET {changes} FROM {staged} WHERE {same_key}"
    delete: str = "DELETE FROM {target} WHERE EXISTS (SELECT 1 FROM {staged} WHERE {same_key})"
    upsert: tuple[str, ...] = (_INSERT + " WHERE true {in_order} ON CONFLICT ({key}) DO UPDATE SET {excluded_changes}",)
    insert_missing: tuple[str, ...] = (_INSERT + " WHERE true {in_order} ON CONFLICT ({key}) DO NOTHING",)
    """An upsert of rows that have nothing but a key."""
    change: str = "{column} = staged.{column}"

    savepoint: str = "SAVEPOINT {name}"
    """Empty where the database has none."""
    rollback_to: Sequence[str] = ("ROLLBACK TO SAVEPOINT {name}", "RELEASE SAVEPOINT {name}")
    release: Sequence[str] = ("RELEASE SAVEPOINT {name}",)

    numbers_given: str = ""
    numbers_made: str = ""
    """What goes before and behind statements that give values for a column that the database numbers by itself."""
    overriding: str = ""
    """What lets an INSERT .. SELECT give values for columns that the database numbers by itself."""

    def marks(self, how_many: int) -> list[str]:
        """The places of so many values."""
        return [self.mark.format(number=number) for number in range(1, how_many + 1)]

    def quote(self, *names: str | None) -> str:
        """The quoted name, qualified by those before it."""
        before, after = self.quotes
        return ".".join(f"{before}{name.replace(after, after * 2)}{after}" for name in names if name is not None)


def in_text(name: str) -> str:
    """The name as it stands between single quotes."""
    return name.replace("'", "''")

"""Which columns a column was made of, and which of them hold what was masked."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field


def within(parent: str, column: str) -> str:
    """The name of a column where several inputs are told apart."""
    return f"{parent}\0{column}"


@dataclass(frozen=True)
class Origins:
    """Of each column that a transformer gives, those of its input that it is made of; none for a constant.

    A combiner's inputs are told apart: their columns are named by `within`.

    `private` are the columns in which it has masked or hashed values, or that hold what these were made of.
    """

    reads: Mapping[str, tuple[str, ...]]
    private: frozenset[str] = frozenset()
    exact: bool = True
    """Whether nothing else can be in them; if not, a masked value of the input may be anywhere."""


@dataclass(frozen=True)
class Lineage:
    """Of each column, the (op, column) that it goes back to: an extractor's, or those of a loader that handed rows on.

    `columns` is None where a transformer does not tell, such as one that runs a user's own code.
    """

    columns: Mapping[str, tuple[tuple[str, str], ...]] | None
    private: frozenset[str] = field(default_factory=frozenset)

    @staticmethod
    def beginning(op: str, names: Iterable[str], private: frozenset[str] = frozenset()) -> "Lineage":
        """Of rows as the op gives them."""
        return Lineage({name: ((op, name),) for name in names}, private)

    @staticmethod
    def united(lineages: Sequence["Lineage"]) -> "Lineage":
        """Of the rows of several, one after another or side by side: each column goes back to all of that name."""
        private = frozenset[str]().union(*(lineage.private for lineage in lineages))
        columns: dict[str, tuple[tuple[str, str], ...]] = {}
        for lineage in lineages:
            if lineage.columns is None:
                return Lineage(None, private)
            for name, ends in lineage.columns.items():
                columns[name] = tuple(dict.fromkeys((*columns.get(name, ()), *ends)))
        return Lineage(columns, private)

    @staticmethod
    def beside(lineages: Mapping[str, "Lineage"]) -> "Lineage":
        """Of the rows of several inputs apart, each column named by `within`."""
        private = frozenset(within(name, column) for name, lineage in lineages.items() for column in lineage.private)
        columns: dict[str, tuple[tuple[str, str], ...]] = {}
        for name, lineage in lineages.items():
            if lineage.columns is None:
                return Lineage(None, private)
            columns |= {within(name, column): ends for column, ends in lineage.columns.items()}
        return Lineage(columns, private)

    def through(self, origins: Origins | None, names: Iterable[str]) -> "Lineage":
        """Of what a transformer made of the rows; one that does not tell may have put a masked value anywhere."""
        if origins is None:
            return Lineage(None, frozenset(names) if self.private else frozenset())
        private = {
            name
            for name, reads in origins.reads.items()
            if not self.private.isdisjoint(reads) or (self.private and not origins.exact)
        }
        columns = None
        if self.columns is not None:
            known = self.columns
            columns = {
                name: tuple(dict.fromkeys(end for read in reads for end in known.get(read, ())))
                for name, reads in origins.reads.items()
            }
        return Lineage(columns, origins.private | private)

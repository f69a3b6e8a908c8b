"""Where the columns of rows come from, once the rows were read."""

from dataclasses import replace

from lumos_dagster.accounting import Book, Task
from lumos_dagster.combination import Combination
from lumos_dagster.interface import Extraction, Transformation
from lumos_dagster.lineage import Lineage
from lumos_dagster.relation import Relation, Union
from lumos_dagster.spool import Spool


def lineage_of(relation: Relation, book: Book) -> Lineage | None:
    """The lineage of rows that were read under `book`; None where that was in an earlier attempt."""
    lineage = _of_source(relation, book)
    for step in relation.steps:
        if lineage is None or not isinstance(step, Transformation):
            continue
        task = book.tasks.get(step.transformer.op)
        lineage = lineage.through(task.origins, _names(task)) if task else None
    return lineage


def with_lineage(relation: Relation, lineage: Lineage | None) -> Relation:
    """Rows in the spool, with what is known of their columns."""
    source = relation.source
    return replace(relation, source=replace(source, lineage=lineage)) if isinstance(source, Spool) else relation


def _of_source(relation: Relation, book: Book) -> Lineage | None:
    match relation.source:
        case Spool(lineage=lineage):
            return lineage
        case Extraction(extractor):
            task = book.tasks.get(extractor.op)
            return Lineage.beginning(extractor.op, _names(task)) if task else None
        case Union(relations):
            return _united([lineage_of(one, book) for one in relations])
        case Combination(combiner, inputs):
            task = book.tasks.get(combiner.op)
            before = {name: lineage for name, one in inputs if (lineage := lineage_of(one, book)) is not None}
            if task is None or len(before) < len(inputs):
                return None
            return Lineage.beside(before).through(task.origins, _names(task))
    return None


def _united(lineages: list[Lineage | None]) -> Lineage | None:
    known = [lineage for lineage in lineages if lineage is not None]
    return Lineage.united(known) if len(known) == len(lineages) else None


def _names(task: Task) -> list[str]:
    return list(task.schema.names) if task.schema is not None else []

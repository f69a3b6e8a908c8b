"""The IO manager on the edges of a Lumos job: it keeps the description of rows, never a reader and never a secret."""

import pickle

import dagster as dg

from lumos_dagster.files import filesystem, join, open_atomic
from lumos_dagster.orchestration.resources import LUMOS
from lumos_dagster.relation import Relation

RELATION_IO = "lumos_rows"


class RelationIOManager(dg.IOManager):
    """Relations as small files under the run's storage.

    What a Relation describes may be opened again by a retry, by a second child and by a
    re-execution, in any process; a one-shot reader handed on here would lose rows silently.
    """

    def __init__(self, storage: str) -> None:
        self._storage = storage

    def handle_output(self, context: dg.OutputContext, obj: Relation) -> None:
        """Keep the description."""
        with open_atomic(self._url(context), mode=0o600) as stream:
            pickle.dump(obj, stream)

    def load_input(self, context: dg.InputContext) -> Relation:
        """The description that the parent gave, in this run or in the one that this run resumes."""
        upstream = context.upstream_output
        if upstream is None:
            raise dg.DagsterInvariantViolationError("a Lumos op takes its rows from another op")
        file_system, path = filesystem(self._url(upstream))
        with file_system.open(path, "rb") as stream:
            relation = pickle.load(stream)  # noqa: S301 - written by ourselves, readable by the owner only
        if not isinstance(relation, Relation):
            raise TypeError(f"{path} does not hold a Relation")
        return relation

    def _url(self, context: dg.OutputContext) -> str:
        return (
            join(self._storage, "outputs", *(part.replace("/", "_") for part in context.get_identifier())) + ".pickle"
        )


@dg.io_manager(required_resource_keys={LUMOS}, description="Keeps the description of rows between ops.")
def relation_io_manager(context: dg.InitResourceContext) -> RelationIOManager:
    """The IO manager over the run's storage."""
    return RelationIOManager(getattr(context.resources, LUMOS).storage)

"""The keys of one entry under `jobs`, in each of the three shapes."""

from typing import Any, ClassVar

from pydantic import Field

from lumos_dagster.accounting import OnError
from lumos_dagster.config.model import FailurePolicy, Kind
from lumos_dagster.config.sections.base import MaxRejects, Names, Positive, Seconds, Section, Whole


class RetryText(Section):
    """How often and how patiently a failed attempt is made again."""

    count: Whole | None = None
    """Extra attempts; attempts = count + 1."""
    delay: Seconds | None = None
    """Seconds before the first of them."""
    backoff_factor: Positive = 1.0
    """Each further wait is the one before times this."""
    max_delay: Seconds | None = None
    """No wait is longer."""
    jitter: bool = False
    """Whether waits vary by chance."""


class EntryText(Section):
    """What may stand on any entry of any shape."""

    description: str = ""
    """Shown on the op."""
    depends_on: Names = ()
    """The parents."""
    next: Names = ()
    """The children."""
    timeout: Positive | None = None
    """Seconds that one attempt may take."""
    retry: RetryText | None = None
    """The entry's own retries, before those of `dag`."""
    failure_policy: FailurePolicy | None = None
    """As under `dag`, for this entry."""
    on_error: OnError | None = None
    """As under `dag`, for this entry."""
    max_rejects: MaxRejects | None = None
    """As under `dag`, for this entry."""
    enabled: bool = True
    """Whether the entry, and all that lives on its rows, takes part."""
    pool: str | None = None
    """The Dagster concurrency pool of the op."""
    asset: str | None = None
    """The key of the asset that is reported, where its target's name will not do."""


class ComponentText(Section):
    """Which component, and its options."""

    LATE: ClassVar[frozenset[str]] = frozenset(("options",))
    extractor_type: str | None = None
    """Which extractor."""
    transformer_type: str | None = None
    """Which transformer."""
    loader_type: str | None = None
    """Which loader."""
    options: dict[str, Any] = Field(default_factory=dict)
    """The component's options."""


class _Kind(Section):
    type: Kind | None = None
    """Extractor, transformer or loader."""


class JobText(EntryText, ComponentText, _Kind):
    """One job of the map shape: an extractor, a transformer or a loader."""

    REQUIRED: ClassVar[tuple[str, ...]] = ("type",)
    LATE: ClassVar[frozenset[str]] = frozenset(("options", "description"))


class Named(Section):
    """An entry of a list, known by its `id`, or by its `name` where there is none."""

    id: str | None = None
    """The op's name: letters, digits, _ and -."""
    name: str | None = None
    """The op's name, or with `id` beside it any text."""


class ChainText(JobText, Named):
    """One job of the chain shape."""

    LATE: ClassVar[frozenset[str]] = frozenset(("options", "description", "name"))


class PipelineText(Section):
    """The stages of a pipeline."""

    REQUIRED: ClassVar[tuple[str, ...]] = ("extractor", "loader")
    LATE: ClassVar[frozenset[str]] = frozenset(("extractor", "transformers", "loader"))
    id: str | None = None
    """A name of the pipeline's own; it changes nothing."""
    extractor: ComponentText | None = None
    """The first stage."""
    transformers: tuple[ComponentText, ...] = ()
    """The stages between, in order."""
    loader: ComponentText | None = None
    """The last stage."""


class PipelineEntryText(EntryText, Named):
    """One entry of the pipeline shape: a sub-graph extract, transform_1 .. n, load."""

    REQUIRED: ClassVar[tuple[str, ...]] = ("pipeline",)
    LATE: ClassVar[frozenset[str]] = frozenset(("pipeline", "description", "name"))
    pipeline: PipelineText | None = None
    """The stages."""

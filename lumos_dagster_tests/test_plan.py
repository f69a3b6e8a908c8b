"""The plan: order, edges, what is kept, what is strict, what is refused."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from lumos_dagster.config.model import Entry, JobFile, Kind, Pipeline, Retry
from lumos_dagster.connectors.memory import MemoryExtractor, MemoryLoader
from lumos_dagster.errors import ConfigError
from lumos_dagster.interface import Component
from lumos_dagster.plan import Plan, make_plan


def entry(name: str, kind: Kind, parents: Sequence[str] = (), **more: object) -> Entry:
    return replace(Entry(name, kind, "any", Component, parents=tuple(parents)), **more)  # type: ignore[arg-type]


def job(*entries: Entry | Pipeline, **more: object) -> JobFile:
    return replace(JobFile("job.yaml", "job", "Job", tuple(entries)), **more)  # type: ignore[arg-type]


def chain(**more: object) -> JobFile:
    return job(
        entry("extract", "extractor"),
        entry("transform", "transformer", ["extract"]),
        entry("load", "loader", ["transform"]),
        **more,
    )


def names(plan: Plan) -> list[str]:
    return [node.name for node in plan.nodes.values()]


def kept(plan: Plan) -> Mapping[str, str]:
    return {node.name: node.kept for node in plan.nodes.values() if node.kept}


def test_ops_come_in_an_order_in_which_they_can_run_however_they_are_written() -> None:
    written_backwards = job(*reversed(chain().entries))
    assert names(make_plan(written_backwards)) == ["extract", "transform", "load"]


def test_parents_keep_the_order_in_which_they_are_written() -> None:
    plan = make_plan(job(entry("a", "extractor"), entry("b", "extractor"), entry("load", "loader", ["b", "a"])))
    assert plan.nodes["load",].parents == (("b",), ("a",))


def test_an_edge_into_an_extractor_only_orders() -> None:
    plan = make_plan(
        job(
            entry("first", "extractor"),
            entry("load", "loader", ["first"]),
            entry("second", "extractor", ["load"]),
            entry("load_2", "loader", ["second"]),
        )
    )
    second = plan.nodes["second",]
    assert second.after == (("load",),)
    assert second.parents == ()
    assert plan.nodes["load",].children == ()


def test_a_loader_passes_on_what_it_loaded_and_that_is_kept_in_either_mode() -> None:
    onward = job(*chain().entries, entry("again", "loader", ["load"]))
    for mode in ("staged", "streaming"):
        assert "load" in kept(make_plan(onward, mode))  # type: ignore[arg-type]


def test_staged_keeps_the_rows_of_every_op_that_has_a_child() -> None:
    assert set(kept(make_plan(chain()))) == {"extract", "transform"}


def test_streaming_keeps_nothing_but_what_several_read() -> None:
    assert kept(make_plan(chain(), "streaming")) == {}
    forked = job(*chain().entries, entry("load_2", "loader", ["transform"]))
    assert kept(make_plan(forked, "streaming")) == {"transform": "more than one op reads them"}


def test_the_mode_of_the_file_holds_unless_the_launch_says_otherwise() -> None:
    streaming = chain(execution="streaming")
    assert make_plan(streaming).mode == "streaming"
    assert make_plan(streaming, "staged").mode == "staged"


def test_a_cycle_is_named() -> None:
    looped = job(
        entry("extract", "extractor"),
        entry("a", "transformer", ["extract", "b"]),
        entry("b", "transformer", ["a"]),
    )
    with pytest.raises(ConfigError, match=r"circle: (a -> b -> a|b -> a -> b)"):
        make_plan(looped)


def test_unknown_parents_are_all_named_with_the_known_ones() -> None:
    with pytest.raises(ConfigError) as error:
        make_plan(job(entry("extract", "extractor"), entry("load", "loader", ["extrat", "nobody"])))
    assert [problem.found or problem.message for problem in error.value.problems] == [
        "unknown parent 'extrat'",
        "unknown parent 'nobody'",
    ]
    assert error.value.problems[0].allowed == ("extract", "load")


def test_a_loader_without_input_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"jobs\.load: the loader has no input"):
        make_plan(job(entry("load", "loader")))


def test_what_is_not_enabled_takes_its_row_dependents_with_it_and_order_edges_are_bridged() -> None:
    plan = make_plan(
        job(
            entry("a", "extractor"),
            entry("load_a", "loader", ["a"]),
            entry("b", "extractor", ["load_a"], enabled=False),
            entry("load_b", "loader", ["b"]),
            entry("c", "extractor", ["load_b"]),
            entry("load_c", "loader", ["c"]),
        )
    )
    assert names(plan) == ["a", "load_a", "c", "load_c"]
    assert plan.nodes["c",].after == (("load_a",),)


def test_reading_a_memory_key_of_the_run_needs_an_edge_or_persist() -> None:
    def two(parents: Sequence[str] = (), **options: object) -> JobFile:
        return job(
            entry("numbers", "extractor"),
            entry("keep", "loader", ["numbers"], component=MemoryLoader, options={"key": "k", **options}),
            entry("again", "extractor", parents, component=MemoryExtractor, options={"key": "k"}),
            entry("onward", "loader", ["again"]),
        )

    with pytest.raises(ConfigError, match=r"jobs\.again: reads memory:k, which keep writes in the same run"):
        make_plan(two())
    assert make_plan(two(["keep"])).nodes["again",].after == (("keep",),)
    assert make_plan(two(persist=True)).nodes["again",].after == ()


def test_a_pipeline_is_a_chain_of_stages_and_waits_as_one() -> None:
    def pipeline(name: str, parents: Sequence[str] = ()) -> Pipeline:
        stages = (
            entry("extract", "extractor"),
            entry("transform_1", "transformer"),
            entry("load", "loader"),
        )
        return Pipeline(name, stages, tuple(parents))

    plan = make_plan(job(pipeline("first"), pipeline("second", ["first"])))
    assert names(plan) == [
        "first.extract", "first.transform_1", "first.load", "second.extract", "second.transform_1", "second.load",
    ]  # fmt: skip
    assert plan.nodes["second", "extract"].after == (("first", "load"),)
    assert plan.nodes["second", "load"].parents == (("second", "transform_1"),)


def test_where_rows_stream_the_least_patient_op_of_the_chain_decides() -> None:
    impatient = job(
        entry("extract", "extractor", timeout=2, retry=Retry(1)),
        entry("transform", "transformer", ["extract"], timeout=30),
        entry("load", "loader", ["transform"], retry=Retry(5)),
        retry=Retry(3),
    )
    streaming = make_plan(impatient, "streaming").nodes["load",]
    assert (streaming.timeout, streaming.retry.count) == (2, 1)
    staged = make_plan(impatient, "staged").nodes
    assert (staged["load",].timeout, staged["load",].retry.count) == (None, 5)
    assert (staged["transform",].timeout, staged["transform",].retry.count) == (30, 3)


@pytest.mark.parametrize(
    ("entries", "mode", "executor"),
    [
        ((), "staged", "in_process"),
        ((("b", "extractor", ()), ("load_b", "loader", ("b",))), "staged", "multiprocess"),
        ((("load_2", "loader", ("transform",)),), "streaming", "multiprocess"),
        ((("again", "loader", ("load",)),), "staged", "in_process"),
    ],
)
def test_processes_are_used_only_where_two_ops_can_overlap(
    entries: tuple[tuple[str, Kind, tuple[str, ...]], ...], mode: str, executor: str
) -> None:
    plan = make_plan(job(*chain().entries, *(entry(*more) for more in entries)), mode)  # type: ignore[arg-type]
    assert plan.executor == executor


def test_two_extractors_that_stream_into_one_loader_do_not_overlap() -> None:
    both = job(entry("a", "extractor"), entry("b", "extractor"), entry("load", "loader", ["a", "b"]))
    assert make_plan(both, "streaming").executor == "in_process"
    assert make_plan(both, "staged").executor == "multiprocess"


def test_a_timeout_over_what_cannot_be_told_to_stop_needs_a_process_that_ends_with_it() -> None:
    class Endless(Component):
        stoppable = False

    endless = entry("transform", "transformer", ["extract"])
    entries = [replace(endless, component=Endless) if each.name == "transform" else each for each in chain().entries]
    assert make_plan(job(*entries)).executor == "in_process"
    assert make_plan(job(*(replace(each, timeout=5) for each in chain().entries))).executor == "in_process"
    assert make_plan(job(*(replace(each, timeout=5) for each in entries))).executor == "multiprocess"


def test_waits_between_retries_grow_up_to_the_limit() -> None:
    retry = Retry(count=4, delay=60, backoff_factor=2, max_delay=300)
    assert [retry.wait(number) for number in range(4)] == [60, 120, 240, 300]

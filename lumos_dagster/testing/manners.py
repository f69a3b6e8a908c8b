"""Checks of how a connector behaves beside its rows: errors, secrets, what it leaves open, what it imports."""

import gc
import os
import pickle
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
from pydantic import ValidationError

from lumos_dagster.errors import DataError, LumosError, TerminalError, TransientError
from lumos_dagster.interface import Component, Deferred, Extraction, Loader
from lumos_dagster.relation import Relation
from lumos_dagster.testing.harness import SECRET, Bench, Options, failing_after, raised, require
from lumos_dagster.testing.samples import numbered
from lumos_dagster.values import Raw

_ROWS = numbered(500)
_VARIABLE = "LUMOS_CONFORMANCE_SECRET_{}"
_PATIENCE_SECONDS = 10.0


def closes_at_the_end(bench: Bench) -> None:
    """After a load and a reading, whole or broken off, nothing that was opened is open."""
    name = bench.name()
    bench.load(name, _ROWS)

    def use() -> None:
        bench.load(bench.name(), _ROWS)
        bench.read(name, _ROWS.schema)
        with bench.reading(name, _ROWS.schema, bench.harness.small_batches) as rows:
            rows.read_next_batch()

    leaves_nothing_open(use)


def closes_after_an_error(bench: Bench) -> None:
    """After a load whose input broke, and a reader whose user failed, nothing that was opened is open."""
    name = bench.name()
    bench.load(name, _ROWS)

    def read_and_fail() -> None:
        with bench.reading(name, _ROWS.schema, bench.harness.small_batches) as rows:
            rows.read_next_batch()
            raise DataError("the user of the rows failed")

    def use() -> None:
        raised(DataError, bench.load, bench.name(), failing_after(_ROWS, 2, 10, DataError("broken")))
        raised(DataError, read_and_fail)

    leaves_nothing_open(use)


def says_that_the_source_is_missing(bench: Bench) -> None:
    """Something that is not there is a TerminalError: trying again would not help."""
    options = _declared(bench.harness.missing_source, "missing_source")
    raised(TerminalError, _read, bench, options)


def says_that_the_target_is_missing(bench: Bench) -> None:
    """A place that cannot be written is a TerminalError."""
    options = _declared(bench.harness.missing_target, "missing_target")
    raised(TerminalError, _load, bench, options)


def says_that_nobody_answers(bench: Bench) -> None:
    """A server that cannot be reached is a TransientError: it may be back in a moment."""
    raised(TransientError, _read, bench, _declared(bench.harness.unreachable_source, "unreachable_source"))
    raised(TransientError, _load, bench, _declared(bench.harness.unreachable_target, "unreachable_target"))


def shows_no_secret(bench: Bench) -> None:
    """A password is in no repr, name, error, traceback, log or pickle."""
    harness = bench.harness
    source = _declared(harness.unreachable_source, "unreachable_source")
    target = _declared(harness.unreachable_target, "unreachable_target")
    for component, options, use in ((harness.extractor, source, _read), (harness.loader, target, _load)):
        require(SECRET in repr(options), f"the options of {component.__name__} do not hold SECRET")
        hidden, variables = _as_placeholders(options)
        with _environment(variables):
            deferred = Deferred("op", component, hidden, bench.run("load-1"))
            texts = [repr(deferred), repr(pickle.dumps(deferred)), *texts_of(deferred.build())]
            texts += _error_texts(raised(LumosError, use, bench, options))
            texts += [_mistake(component, options, name) for name, value in options.items() if SECRET in repr(value)]
        for text in (*texts, *bench.log):
            require(SECRET not in text, f"{component.__name__} shows the password: {text}")


def refuses_unknown_options(bench: Bench) -> None:
    """An option that nobody knows is an error that names it and the known ones."""
    harness, name = bench.harness, bench.name()
    options = {harness.extractor: harness.source(name, _ROWS.schema), harness.loader: harness.target(name)}
    for component, known in options.items():
        try:
            component.model_validate({**known, "no_such_option": 1})
        except ValidationError as error:
            (detail,) = error.errors(include_url=False)
            require("no_such_option" in detail["loc"], f"the error names {detail['loc']}")
            allowed = detail.get("ctx", {}).get("allowed", ())
            require(set(allowed) == set(component.option_names()), f"the error allows {allowed}")
        else:
            raise AssertionError(f"{component.__name__} takes an option that it does not have")


def imports_its_driver_late(bench: Bench) -> None:
    """Neither Lumos nor its catalogue nor the connector's own module imports the driver."""
    harness = bench.harness
    require(harness.drivers, "the harness declares no drivers")
    modules = ("lumos_dagster", "lumos_dagster.catalog", harness.extractor.__module__, harness.loader.__module__)
    script = f"import sys, {', '.join(modules)}; print(*sorted({set(harness.drivers)!r} & set(sys.modules)))"
    found = in_another_process(script, b"").decode().split()
    require(not found, f"{', '.join(found)} imported before anything runs")


def travels_to_another_process(bench: Bench) -> None:
    """A Relation that is pickled opens in another process, and gives the same rows."""
    name = bench.name()
    bench.load(name, _ROWS)
    relation: Relation = bench.relation(name, _ROWS.schema)
    script = (
        "import pickle, sys, pyarrow as pa\n"
        "from lumos_dagster.accounting import Book\n"
        "relation, run = pickle.load(sys.stdin.buffer)\n"
        "with relation.open(Book(run)) as rows, pa.ipc.new_stream(sys.stdout.buffer, rows.schema) as out:\n"
        "    for batch in rows: out.write_batch(batch)\n"
    )
    answer = in_another_process(script, pickle.dumps((relation, bench.run("load-1"))))
    bench.same(pa.ipc.open_stream(answer).read_all().sort_by("id"), _ROWS)


def _declared(options: Options | None, what: str) -> Options:
    require(options is not None, f"the harness declares no {what}")
    return dict(options or {})


def _read(bench: Bench, options: Options) -> None:
    deferred = Deferred("read", bench.harness.extractor, options, bench.run("load-1"))
    with Relation(Extraction(deferred)).open(bench.book()) as rows:
        rows.read_all()


def _load(bench: Bench, options: Options) -> None:
    with bench.book().task("load") as task:
        bench.harness.loader.model_validate(options).write(_ROWS.to_reader(), task)


def leaves_nothing_open(use: Callable[[], None], collecting: bool = False) -> None:
    """Do it once for what is opened for good (imports, thread pools), then see that a second time adds nothing.

    With `collecting`, what Python's collector closes is closed: compiled code lies in a file as long as it is in use.
    """
    use()
    gc.collect()
    before = _open_files()
    use()
    deadline = time.monotonic() + _PATIENCE_SECONDS
    # A driver's own threads may close their sockets a little later.
    while (after := _open_files()) - before and time.monotonic() < deadline:
        time.sleep(0.01)
        if collecting:
            gc.collect()
    require(not after - before, f"left open: {sorted(after - before)}")


def _open_files() -> frozenset[str]:
    found = set()
    for descriptor in Path("/dev/fd").iterdir():
        try:
            found.add(f"{descriptor.name} {descriptor.readlink()}")
        except OSError:
            continue  # the descriptor by which the folder itself was read
    return frozenset(found)


def _as_placeholders(options: Options) -> tuple[Options, dict[str, str]]:
    """The options as a careful user writes them, and the environment that they then need."""
    hidden: dict[str, Raw] = {}
    variables = {}
    for name, value in options.items():
        hidden[name] = value
        if isinstance(value, str) and SECRET in value:
            variable = _VARIABLE.format(name.upper())
            variables[variable], hidden[name] = value, f"${{{variable}}}"
    return hidden, variables


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    os.environ.update(variables)
    try:
        yield
    finally:
        for name in variables:
            del os.environ[name]


def texts_of(component: Component) -> list[str]:
    """Every text in which a component may be shown."""
    texts = [repr(component), str(component), repr(component.model_dump()), component.model_dump_json()]
    if isinstance(component, Loader):
        texts.append(repr(component.target()))
    location: Any = getattr(component, "location", str)
    return [*texts, location()]


def _error_texts(error: LumosError) -> list[str]:
    return [repr(error), *traceback.format_exception(error), repr(pickle.dumps(error))]


def _mistake(component: type[Component], options: Options, name: str) -> str:
    """What is said when the secret stands where something else should."""
    try:
        component.model_validate({**options, name: [options[name]]})
    except ValidationError as error:
        return f"{error} {error.errors(include_url=False, include_input=False)}"
    raise AssertionError(f"{component.__name__} takes a list for {name}")


def in_another_process(script: str, given: bytes) -> bytes:
    """What the script prints in a new process that finds the same modules."""
    command = [sys.executable, "-c", f"import sys; sys.path[:] = {sys.path!r}\n{script}"]
    done = subprocess.run(command, input=given, capture_output=True, check=False)  # noqa: S603
    require(done.returncode == 0, done.stderr.decode(errors="replace"))
    return done.stdout


CHECKS = (
    closes_at_the_end,
    closes_after_an_error,
    says_that_the_source_is_missing,
    says_that_the_target_is_missing,
    says_that_nobody_answers,
    shows_no_secret,
    refuses_unknown_options,
    imports_its_driver_late,
    travels_to_another_process,
)

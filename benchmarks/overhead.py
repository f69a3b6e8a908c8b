"""What Lumos costs beside Dagster alone: python -m benchmarks.overhead [--rounds N].

A job of three ops on three rows, by `dagster job execute` in one process, beside the same job written by hand; and a
code location of 500 YAML files beside one of 500 jobs written by hand. All take turns, each is a whole process.
"""

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.measure import Taken, cells, median, run

LUMOS = Path(__file__).parents[1] / "lumos_dagster" / "definitions.py"
FILES = 500
JOB = """
version: 1
name: {name}
jobs:
  read: {{type: extractor, extractor_type: csv, options: {{file_path: in.csv}}}}
  change:
    type: transformer
    transformer_type: json
    depends_on: read
    options: {{transforms: [{{operation: uppercase, field: name}}]}}
  write: {{type: loader, loader_type: csv, depends_on: change, options: {{file_path: out.csv}}}}
"""
BY_HAND = """
import csv
import dagster as dg

@dg.op
def read():
    with open("in.csv", newline="") as file:
        return list(csv.DictReader(file))

@dg.op
def change(rows):
    return [row | {"name": row["name"].upper()} for row in rows]

@dg.op
def write(rows):
    with open("out.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)

def made(number):
    @dg.job(name=f"job_{number}", executor_def=dg.in_process_executor)
    def one():
        write(change(read()))
    return one

defs = dg.Definitions(jobs=[made(number) for number in range(%d)])
"""
LOAD = "import runpy, sys; len(runpy.run_path(sys.argv[1])['defs'].get_repository_def().get_all_jobs())"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    print(measured(parser.parse_args(arguments).rounds))


def measured(rounds: int) -> str:
    """Both tables, in Markdown."""
    with tempfile.TemporaryDirectory(prefix="lumos-overhead-") as place:
        folder = Path(place)
        (folder / "in.csv").write_text("id,name\n1,one\n2,two\n3,three\n")
        (folder / "home").mkdir()
        (folder / "home" / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
        (folder / "plugins").mkdir()
        for jobs, count in (("one", 1), ("many", FILES)):
            (folder / jobs).mkdir()
            (folder / f"{jobs}.py").write_text(BY_HAND % count)
            for number in range(count):
                (folder / jobs / f"job_{number}.yaml").write_text(JOB.format(name=f"job_{number}"))
        execute = [str(Path(sys.executable).with_name("dagster")), "job", "execute", "-j", "job_0", "-f"]
        load = [sys.executable, "-c", LOAD]
        taken: dict[str, list[Taken]] = {}
        for _ in range(rounds):
            for name, command, jobs in (
                ("a job of three ops, by hand", [*execute, "one.py"], "one"),
                ("a job of three ops, Lumos", [*execute, str(LUMOS)], "one"),
                (f"a location of {FILES} jobs, by hand", [*load, "many.py"], "many"),
                (f"a location of {FILES} YAML files, Lumos", [*load, str(LUMOS)], "many"),
            ):
                (folder / "out.csv").unlink(missing_ok=True)
                taken.setdefault(name, []).append(run(command, folder, _environment(folder, jobs)))
                if command[0] == execute[0] and (folder / "out.csv").read_text().split()[1] != "1,ONE":
                    raise SystemExit(f"{name}: other rows")
    return "\n".join(_lines(taken))


def _environment(folder: Path, jobs: str) -> Mapping[str, str]:
    return {
        "DAGSTER_HOME": str(folder / "home"), "LUMOS_JOBS_DIR": str(folder / jobs),
        "LUMOS_PLUGINS_DIR": str(folder / "plugins"),
    }  # fmt: skip


def _lines(taken: Mapping[str, Sequence[Taken]]) -> list[str]:
    lines = ["## What Lumos costs beside Dagster alone\n"]
    lines += ["| | wall s, median (least to greatest) | CPU s | peak MiB |", "|---|---:|---:|---:|"]
    lines += [f"| {name} | {cells(runs)} |" for name, runs in taken.items()]
    by_hand, lumos, many, files = (median(runs).wall for runs in taken.values())
    ratio, more = lumos / by_hand, files - many
    lines += [
        f"\nThe job is held to 1.1 of the one by hand: {'met' if ratio <= 1.1 else 'missed'} ({ratio:.2f}).",
        f"The location is held to 3 seconds more: {'met' if more <= 3 else 'missed'} ({more:.1f}).\n",
    ]
    return lines


if __name__ == "__main__":
    main()

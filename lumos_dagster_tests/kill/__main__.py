"""`make kill-matrix`: kills loads all over the matrix, prints the table, and writes docs/promises.md if asked to."""

import secrets
import sys

import click

from lumos_dagster_tests.kill.promises import PAGE, page
from lumos_dagster_tests.kill.run import Choice, run_matrix, summary
from lumos_dagster_tests.kill.servers import servers


@click.command()
@click.option("--seed", type=int, default=None, help="Repeats the choice of an earlier run.")
@click.option("--random", "number", default=3, help="Kills at random steps in each cell.")
@click.option(
    "--thorough", is_flag=True, help="Before and after each commit, rename and round trip, not the last only."
)
@click.option("--only", default="", help="Cells whose name holds this text: 'postgresql: upsert', 'streaming'.")
@click.option("--kills/--no-kills", default=True, help="Kill loads at steps too, before the other harms.")
@click.option("--workers", default=2)
@click.option("--write-docs", is_flag=True, help="Write docs/promises.md.")
def main(  # noqa: PLR0917 - options, given by name
    seed: int | None, number: int, thorough: bool, only: str, kills: bool, workers: int, write_docs: bool
) -> None:
    """Harm, resume, compare."""
    choice = Choice(secrets.randbelow(1 << 30) if seed is None else seed, number, thorough, only, kills)
    click.echo(f"seed {choice.seed}")
    with servers() as running:
        outcomes = run_matrix(choice, running, click.echo, workers)
    for line in summary(outcomes):
        click.echo(line)
    if any(outcome.problem for outcome in outcomes):
        sys.exit(1)
    if write_docs:
        PAGE.write_text(page())


if __name__ == "__main__":
    main()

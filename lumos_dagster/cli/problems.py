"""How a configuration error is shown, and how the command ends on one."""

import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import NoReturn

import click

from lumos_dagster.errors import ConfigError, Problem

CONFIGURATION_ERROR = 2


def problem_lines(problems: Iterable[Problem], label: str = "") -> Iterator[str]:
    """One line per problem."""
    return (f"{label}{problem}" for problem in problems)


def fail(error: ConfigError, as_json: bool) -> NoReturn:
    """Show every mistake and end with exit code 2."""
    if as_json:
        problems = [asdict(problem) for problem in error.problems]
        click.echo(json.dumps({"status": "configuration error", "problems": problems}, ensure_ascii=False, indent=2))
    else:
        for line in problem_lines(error.problems):
            click.echo(line, err=True)
    sys.exit(CONFIGURATION_ERROR)

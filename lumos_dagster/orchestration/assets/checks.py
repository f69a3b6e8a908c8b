"""Asset checks: each rule of `validate` on what is loaded from the rows, and whether a load's rows balance."""

import re
from collections.abc import Iterator

import dagster as dg

from lumos_dagster.accounting import Book, Rule
from lumos_dagster.orchestration.assets.keys import asset_key
from lumos_dagster.plan import Node, Path, Plan

BALANCE = "rows_balance"


def check_specs(plan: Plan) -> Iterator[dg.AssetCheckSpec]:
    """The checks of every asset that the job loads."""
    for node in plan.nodes.values():
        if node.entry.kind == "loader":
            key = asset_key(plan.job, node.name, node.entry)
            yield dg.AssetCheckSpec(
                BALANCE, asset=key, description="Every row is loaded, filtered, or rejected with a reason."
            )
        for rule in node.entry.component.rules(node.entry.options):
            for key in _loaded_from(plan, node.path):
                yield dg.AssetCheckSpec(
                    _name(node, rule), asset=key, description=f"{node.name}: {rule.rule} of {rule.field}"
                )


def report_checks(context: dg.OpExecutionContext, plan: Plan, node: Node, book: Book, error: str = "") -> None:
    """Record how the rows that this attempt read fared; `error` is the kind of error that ended it."""
    by_name = {node.name: node for node in plan.nodes.values()}
    for stage, task in book.tasks.items():
        known = by_name[stage].entry.component.rules(by_name[stage].entry.options) if stage in by_name else ()
        for rule, verdict in task.verdicts.items():
            if rule not in known:
                continue
            for key in _loaded_from(plan, by_name[stage].path):
                counts = {"rows": verdict.rows, "broken": verdict.broken}
                severity = dg.AssetCheckSeverity.ERROR if error else dg.AssetCheckSeverity.WARN
                _evaluated(context, key, _name(by_name[stage], rule), not verdict.broken, counts, severity)
    if node.entry.kind == "loader" and error in ("", "UnbalancedError"):
        count = book.tasks[node.name].count
        counts = {"rows_in": count.rows_in, "rows_out": count.rows_out, "rejected": count.rejected}
        key = asset_key(plan.job, node.name, node.entry)
        _evaluated(context, key, BALANCE, not error, counts, dg.AssetCheckSeverity.ERROR)


def _evaluated(
    context: dg.OpExecutionContext,
    key: dg.AssetKey,
    name: str,
    passed: bool,
    counts: dict[str, int],
    severity: dg.AssetCheckSeverity,
) -> None:
    evaluation = dg.AssetCheckEvaluation(
        asset_key=key, check_name=name, passed=passed, metadata=counts, severity=severity
    )
    context.log_event(evaluation)  # type: ignore[arg-type] # it takes one, though its annotation does not say so


def _name(node: Node, rule: Rule) -> str:
    return re.sub(r"\W", "_", "_".join((node.name, rule.field, rule.rule)))


def _loaded_from(plan: Plan, path: Path) -> dict[dg.AssetKey, None]:
    """What is loaded from the rows of an op, with no other loader between."""
    found: dict[dg.AssetKey, None] = {}
    for child in plan.nodes[path].children:
        node = plan.nodes[child]
        found |= {asset_key(plan.job, node.name, node.entry): None} if node.entry.kind == "loader" else {}
        found |= {} if node.entry.kind == "loader" else _loaded_from(plan, child)
    return found

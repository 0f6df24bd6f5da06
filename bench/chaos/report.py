"""Reports a run: a line for each round, a table, and JSON."""

from pathlib import Path
from statistics import fmean
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from bench.report import write_json

from .invariants import Violation
from .scenario import Outcome
from .workers import ChaosResult, ChaosRun


def progress(console: Console, outcome: Outcome) -> None:
    """Print the outcome of a round."""
    troubles = ", ".join(f"{trouble} {count}" for trouble, count in outcome.struck.items()) or "nothing"
    line = f"round {outcome.number}: {outcome.messages} messages, {outcome.seconds:.1f} s; {troubles}"
    console.print(line, style="red" if outcome.wrong else None, markup=False, highlight=False)
    for entry in outcome.wrong:
        console.print(f"  {entry.fault}: {entry.what}", style="red", markup=False, highlight=False)


def show(console: Console, asked: ChaosRun, result: ChaosResult, seconds: float) -> None:
    """Print the evidence of violations, and the table."""
    for text in result.evidence:
        console.print(f"\n{text}", markup=False, highlight=False, soft_wrap=True)
    table = Table(title="Chaos", title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    table.add_column("what")
    table.add_column("count", justify="right")
    for name, value in _counts(result).items():
        table.add_row(name, f"{value:,}", style="red" if value and name in _FAULTS else None)
    table.add_section()
    for trouble, count in sorted(result.struck.items()):
        table.add_row(f"trouble: {trouble}", f"{count:,}")
    console.print(table)
    mean = fmean(outcome.seconds for outcome in result.outcomes) if result.outcomes else 0.0
    each = seconds / max(len(result.outcomes), 1)
    pace = f"{seconds:.0f} s, {each:.2f} s a round ({mean:.1f} s long, {asked.lanes} lanes)"
    again = f"make chaos ROUNDS={asked.rounds} SEED={asked.seed}"
    options = {"places": asked.machines, "threads": asked.talking, "lanes": asked.lanes if asked.talking else 0}
    arguments = " ".join(f"--{name} {value}" for name, value in options.items() if value)
    again += f' ARGS="{arguments}"' if arguments else ""
    console.print(f"{pace}; once more: {again}", highlight=False, soft_wrap=True)


_FAULTS = {*map(str, Violation), "orphans", "ends of its own"}


def _counts(result: ChaosResult) -> dict[str, int]:
    return {
        "rounds": len(result.outcomes),
        "messages": sum(outcome.messages for outcome in result.outcomes),
        "threads": result.threads,
        "threads of one bot at once": result.most,
        "troubles": result.struck.total(),
        **{str(fault): result.count(fault) for fault in Violation},
        "orphans": result.orphans,
        "ends of its own": len(result.ends),
        "eyes left": result.eyes,
    }


def write(path: Path, asked: ChaosRun, result: ChaosResult) -> None:
    """Write everything to `path`."""
    whole: dict[str, Any] = {
        "seed": asked.seed,
        "first": asked.first,
        "lanes": asked.lanes,
        "places": asked.machines,
        "talking": asked.talking,
        **_counts(result),
        "by_trouble": {str(trouble): count for trouble, count in sorted(result.struck.items())},
        "seconds_a_round": [round(outcome.seconds, 3) for outcome in result.outcomes],
        "wrong": [
            {"fault": str(each.fault), "round": each.round, "thread_id": str(each.thread_id), "what": each.what}
            for each in result.wrong
        ],
        "ended": result.ends,
        "evidence": result.evidence,
    }
    write_json(path, whole)

"""`threadline check`: the configuration, Discord, the agents; a table, and an exit code for scripts."""

import logging
from pathlib import Path
from typing import Any

import click

from bot.agents.breakout import try_breakout
from bot.agents.probe import Depth, probe_agent
from bot.agents.probe_result import ProbeResult, SandboxReport
from bot.config.agents import AgentConfig
from bot.config.load import read_config
from bot.config.requirements import runs_here, unmet_requirements, warnings
from bot.config.secrets import secrets_of
from bot.operations import logs
from bot.text.redaction import Redactor

from .common import CONFIG, fail, find_or_fail, load_or_fail, run_async
from .discord_check import discord_findings
from .findings import Finding, Level, print_findings
from .live.command import MOST_STREAMS, LiveOptions, check_live
from .place_check import place_findings
from .texts import failures, options, results


@click.command(help=options.CHECK)
@CONFIG
@click.option("--offline", is_flag=True, help=options.OFFLINE)
@click.option("--live", "channel_id", type=int, metavar="CHANNEL", help=options.LIVE)
@click.option("--yes", "confirmed", is_flag=True, help=options.LIVE_YES)
@click.option("--people/--no-people", "with_people", default=None, help=options.PEOPLE)
@click.option("--forum", "forum_id", type=int, metavar="CHANNEL", help=options.FORUM)
@click.option("--load", type=click.IntRange(0, MOST_STREAMS), default=0, metavar="N", help=options.LOAD)
@click.option("--record", type=click.Path(path_type=Path), metavar="FILE", help=options.RECORD)
def check(given: Path | None, channel_id: int | None, *, offline: bool, **for_live: Any) -> None:
    """Check, and exit with 1 if a check failed or, with `--live`, if something was not as expected."""
    path = find_or_fail(given)
    if channel_id is not None:
        if offline:
            fail(failures.LIVE_OFFLINE, 2)
        raise SystemExit(check_live(path, LiveOptions(channel_id, **for_live)))
    if LiveOptions(0, **for_live) != LiveOptions(0):
        fail(failures.LIVE_ALONE, 2)
    raise SystemExit(0 if run_check(path, offline=offline) else 1)


def run_check(path: Path, *, offline: bool = False) -> bool:
    """Check and print; return whether every check passed. An unreadable configuration ends the program."""
    config = load_or_fail(path, read_config)
    logs.configure(secrets_of(config), level=logging.WARNING)
    found = [Finding(results.CONFIGURATION, Level.OK, results.valid(path))]
    found += [Finding(results.CONFIGURATION, Level.WARNING, warning) for warning in warnings(config)]
    problems = [
        Finding(".".join(keys[:2]), Level.FAILED, config.located(keys, words))
        for keys, words in unmet_requirements(config)
    ]

    async def look() -> None:
        if not offline:
            found.extend(await discord_findings(config))
        found.extend(problems)
        # An agent with a problem cannot start, or would see files that it must not see.
        lacking = {finding.subject for finding in problems}
        for name, agent in config.agents.by_name.items():
            if f"agents.{name}" not in lacking and runs_here(config, name):
                found.append(_agent(await probe_agent(name, agent, Depth.HANDSHAKE)))
                if (report := await try_breakout(config, agent)) is not None:
                    found.append(_sandbox(name, agent, report))

        found.extend(await place_findings(config))

    run_async(look())
    print_findings(found, Redactor(secrets_of(config)))
    return not any(finding.level is Level.FAILED for finding in found)


def _sandbox(name: str, agent: AgentConfig, report: SandboxReport) -> Finding:
    trusting = agent.permission == "allow_all" and not report.holds
    level = Level.FAILED if report.escaped else Level.WARNING if trusting else Level.OK
    return Finding(f"agents.{name}.sandbox", level, "\n".join(report.lines))


def _agent(found: ProbeResult) -> Finding:
    subject = f"agents.{found.agent}"
    amiss = [
        *map(failures.missing_variable, found.missing),
        *map(failures.not_given, found.left_out),
        *map(failures.gets_wrong, found.faults),
    ]
    if not found.well:
        return Finding(subject, Level.FAILED, "\n".join([found.failure, *amiss, *found.advice]))
    lines = [
        results.answers(found.name or found.command[0], found.protocol_version),
        results.reopens(yes=found.abilities["load"] or found.abilities["resume"]),
        results.modes(found.modes),
        results.asks(found.mode) if found.asking_mode else failures.NO_ASKING_MODE,
        *amiss,
    ]
    # A variable that is missing is no warning: the agent may have a login in its place.
    fine = found.asking_mode and not (found.faults or found.left_out or found.logged_out)
    level = Level.OK if fine else Level.WARNING
    return Finding(subject, level, "\n".join(lines))

"""`threadline check`: the configuration, Discord, the agents; a table, and an exit code for scripts."""

import logging
from pathlib import Path

import click

from bot.agents.probe import probe_agent
from bot.agents.probe_result import ProbeResult
from bot.config.load import read_config
from bot.config.requirements import unmet_requirements, warnings
from bot.config.secrets import secrets_of
from bot.operations import logs
from bot.text.redaction import Redactor

from .common import CONFIG, load_or_fail, run_async
from .discord_check import discord_findings
from .findings import Finding, Level, print_findings


@click.command()
@CONFIG
@click.option("--offline", is_flag=True, help="Leave Discord out.")
def check(path: Path, *, offline: bool) -> None:
    """See whether it would work.

    Reads the configuration, looks at Discord, starts each agent and shakes hands. Nothing is posted, and no agent is
    prompted.
    """
    raise SystemExit(0 if run_check(path, offline=offline) else 1)


def run_check(path: Path, *, offline: bool = False) -> bool:
    """Check and print; return whether every check passed. An unreadable configuration ends the program."""
    config = load_or_fail(path, read_config)
    logs.configure(secrets_of(config), level=logging.WARNING)
    found = [Finding("configuration", Level.OK, f"{path} reads well")]
    found += [Finding("configuration", Level.WARNING, warning) for warning in warnings(config)]
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
            if f"agents.{name}" not in lacking:
                found.append(_agent(await probe_agent(name, agent, prompts=False)))

    run_async(look())
    print_findings(found, Redactor(secrets_of(config)))
    return not any(finding.level is Level.FAILED for finding in found)


def _agent(found: ProbeResult) -> Finding:
    subject = f"agents.{found.agent}"
    amiss = [
        *(f"missing: {variable}" for variable in found.missing),
        *(f"not given: {words}" for words in found.left_out),
        *(f"gets wrong: {fault}" for fault in found.faults),
    ]
    if not found.well:
        return Finding(subject, Level.FAILED, "\n".join([found.failure, *amiss, *found.advice]))
    lines = [
        f"{found.name or found.command[0]} answers, protocol version {found.protocol_version}",
        f"sessions survive a restart: {'yes' if found.abilities['load'] else 'no'}",
        f"modes: {', '.join(found.modes) or 'none'}",
        f"asks before it acts: {f'yes, in mode {found.mode}' if found.asking_mode else 'its mode could not be set'}",
        *amiss,
    ]
    level = Level.OK if found.asking_mode and not (found.faults or found.left_out) else Level.WARNING
    return Finding(subject, level, "\n".join(lines))

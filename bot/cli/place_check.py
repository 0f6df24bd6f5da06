"""`threadline check` of places: the findings about other machines, each with its host and what to do."""

from collections.abc import Iterator
from typing import Final

from acp import AcpError, PlaceUnreachable, QueuedTooLong, SpawnFailed
from bot.agents.place_probe import AgentThere, FilesProblem, PlaceReport, probe_places
from bot.config.schema import Config
from bot.text.sizes import format_size
from bot.user_messages import agent_errors

from .findings import Finding, Level
from .texts import failures, results

LITTLE_ROOM: Final = 1024**3
"""Bytes free below which people's files may soon find no room: about forty large ones."""


async def place_findings(config: Config) -> list[Finding]:
    """Examine every place of the configuration. Raises no `AcpError`."""
    return [finding for report in await probe_places(config) for finding in _findings(report)]


def _findings(report: PlaceReport) -> Iterator[Finding]:
    subject = f"places.{report.place}"
    host = report.host or report.place
    if report.error is not None:
        yield Finding(subject, Level.FAILED, _failure(host, report.error))
        return
    faults = [failures.no_directory_there(host, directory) for directory in report.missing]
    match report.files_problem:
        case FilesProblem.NOT_WRITABLE:
            faults.append(failures.files_not_writable(host, report.files))
        case FilesProblem.NOT_PRIVATE:
            faults.append(failures.files_not_private(host, report.files))
    lines = [results.place_answers(host, report.python), *faults]
    if report.free is not None and report.free < LITTLE_ROOM:
        lines.append(failures.disk_full(host, report.files, format_size(report.free)))
        level = Level.WARNING
    else:
        lines += [] if report.free is None else [results.place_free(format_size(report.free), report.files)]
        level = Level.OK
    yield Finding(subject, Level.FAILED if faults else level, "\n".join(lines))
    for agent in report.agents:
        yield _agent(host, report.place, agent)


def _failure(host: str, error: AcpError) -> str:
    match error:
        case PlaceUnreachable(detail=detail):
            return failures.place_fails(host, detail)
        case SpawnFailed():
            return failures.place_look_fails(host, agent_errors.start_problem(error))
        case _:
            return failures.place_look_fails(host, agent_errors.headline(error))


def _agent(host: str, place: str, found: AgentThere) -> Finding:
    subject = results.at_place(found.agent, place)
    match found.error:
        case None if found.asks:
            return Finding(subject, Level.OK, results.answers_there(found.name or found.agent))
        case None:
            lines = [results.answers_there(found.name or found.agent), failures.NO_ASKING_MODE]
            return Finding(subject, Level.WARNING, "\n".join(lines))
        case QueuedTooLong(detail=reason):
            return Finding(subject, Level.WARNING, failures.queued_there(host, reason))
        case error:
            return Finding(subject, Level.FAILED, agent_errors.in_terminal(error))

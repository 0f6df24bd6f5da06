"""Tries to break out of an agent's sandbox: decoys are laid outside, and a script inside tries to reach them.

The script is started by the same line as the agent, with an interpreter in its place; see `breakout_script`. The decoys
are files, a process, and servers on this machine, which are gone when the tries are over.
"""

import asyncio
import json
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from acp import AcpError, Launch
from acp.process.sandbox import Sandbox
from bot.config.agents import AgentConfig
from bot.config.schema import Config
from bot.user_messages import agent_errors, sandbox_errors
from bot.user_messages import sandbox as texts

from .decoys import lay_decoys
from .inside import run_inside
from .probe_result import BreakoutResult, Outcome, SandboxReport

SECONDS = 60.0
"""Bound of all tries together: a connection that is not answered takes three seconds."""

SCRIPT = Path(__file__).with_name("breakout_script.py")

PYTHON = Path(sys.executable).resolve()
"""The interpreter of the script, without the virtual environment around it."""

ABOUT_NETWORK = frozenset({"ports", "network"})
"""The tries that may succeed where the configuration allows the whole network."""


async def try_breakout(config: Config, agent: AgentConfig) -> SandboxReport | None:
    """Make all tries in the agent's sandbox, if it has one. Never raises `AcpError`; leaves nothing."""
    if not agent.sandbox.is_on:
        return None
    wanted = agent.sandbox.network
    network = wanted if isinstance(wanted, str) else ", ".join(wanted)
    report, launch = SandboxReport(agent.sandbox.engine, network, agent.sandbox.state), agent.launch()
    try:
        async with asyncio.timeout(SECONDS), lay_decoys(config, launch) as (files, targets):
            reached, said = await _run(launch, files.sandbox, targets)
            for each in files.planted():
                reached.setdefault("system", []).append(f"write {each}")
    except TimeoutError:
        report.failure = texts.too_long(SECONDS)
    except AcpError as error:
        report.failure = agent_errors.in_terminal(error)
    except OSError as error:
        report.failure = texts.no_decoys(error.filename, error.strerror)
    else:
        if reached:
            report.tries = {name: _judge(name, reached.get(name), report.network) for name in texts.BREAKOUTS}
        else:
            report.failure = texts.not_begun(said)
    return report


def _judge(name: str, reached: list[str] | None, network: str) -> BreakoutResult:
    if reached is None:
        return BreakoutResult(Outcome.FAILED, (texts.NO_ANSWER,))
    if not reached:
        return BreakoutResult(Outcome.PASSED)
    result = Outcome.ALLOWED if network == "all" and name in ABOUT_NETWORK else Outcome.FAILED
    return BreakoutResult(result, tuple(reached))


async def _run(launch: Launch, sandbox: Sandbox, targets: Mapping[str, object]) -> tuple[dict[str, list[str]], str]:
    """Run the script inside; return what each try has reached, and what it wrote to stderr."""
    args, stdin = ("-I", "-S", "-c", SCRIPT.read_text("utf-8")), json.dumps(targets).encode()
    ended = await run_inside(sandbox, PYTHON, args, cwd=launch.cwd, env=launch.env, stdin=stdin)
    found: dict[str, list[str]] = {}
    for each in ended.output.splitlines():
        with suppress(ValueError, KeyError, TypeError):
            one = json.loads(each)
            found[one["try"]] = [*map(str, one["reached"])]
    return found, sandbox_errors.reason(ended.stderr)

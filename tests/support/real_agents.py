"""Real agents on a scripted model, from a kit outside the repository. Where it is not installed, their tests skip.

`AGENTS_HOME` is the folder in which the kit has installed the agents, `AGENTS_KIT` the one with its two programs:
`run NAME` is the agent of that name on stdin and stdout, and `fakellm.py` the model behind all of them, which does what
the words in a prompt say.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bot.config.agents import AgentConfig
from loopback.harness import in_toml

_MISSING = [name for name in ("AGENTS_HOME", "AGENTS_KIT") if not os.environ.get(name)]

needs_real_agents = pytest.mark.skipif(bool(_MISSING), reason=f"real agents: {' and '.join(_MISSING)} not set")

_MODEL = """\
import json, runpy, sys
model = runpy.run_path(sys.argv[1])
route = model["H"].route
def recording(handler, body):
    with open(sys.argv[3], "a") as file:
        file.write(json.dumps(body) + "\\n")
    route(handler, body)
model["H"].route = recording
server = model["S"]((sys.argv[4], 0), model["H"])
print(server.server_port, flush=True)
server.serve_forever()
"""
"""Serves the model on a free port, which it prints when it listens, and records each request on a line of a file."""


LOCAL = "127.0.0.1"

_PROGRAMS = {"claude": ("claude-agent-acp",), "codex": ("codex-acp",), "opencode": ("opencode", "acp")}

_BOXED = {
    "claude": {"IS_SANDBOX": "1", "ANTHROPIC_BASE_URL": "http://{}", "ANTHROPIC_API_KEY": "sk-ant-fake"},
    "codex": {"FAKE_KEY": "x", "NO_BROWSER": "1"},
    "opencode": {},
}
"""Variables of each agent, as the kit sets them; `{}` stands for the model's address and port."""


def pairs(env: Mapping[str, str]) -> str:
    """Return the inside of an inline table."""
    return ", ".join(f"{key} = {in_toml(value)}" for key, value in env.items())


@dataclass(frozen=True)
class RealAgents:
    """The installed agents, whose homes are in the folder `home`, and the address and port of their model."""

    home: Path
    port: int
    record: Path
    address: str = LOCAL

    def requests(self, word: str) -> list[str]:
        """Return what the agents have asked of the model, as JSON, oldest first; only requests with that word."""
        return [line for line in self.record.read_text().splitlines() if word in line]

    def config(self, name: str, cwd: Path, **more: Any) -> AgentConfig:
        """Return how the kit's agent `name` is started in `cwd`, with its preset and `more` keys."""
        program = str(Path(os.environ["AGENTS_KIT"]) / "run")
        env = {"AGENTS_HOME": str(self.home), "FAKELLM_PORT": str(self.port)}
        given = {"preset": name, "command": "bash", "args": (program, name), "cwd": cwd, "env": env}
        return AgentConfig.model_validate(given | more)

    def lab(self, name: str, cwd: Path) -> dict[str, Any]:
        """Return the parameters of a lab for the kit's agent `name`."""
        agent = self.config(name, cwd)
        extra = f'preset = "{name}"\nenv = {{ {pairs(agent.env)} }}\n'
        return {"agent": (agent.command, *agent.args), "agent_extra": extra}

    def boxed(self, name: str, home: Path) -> dict[str, Any]:
        """Return the parameters of a lab for the agent `name` in a sandbox from which only the model is reached.

        The agent gets its settings in `home`, which is to be its own. The kit's `run` would name another proxy.
        """
        kit, programs = Path(os.environ["AGENTS_KIT"]), Path(os.environ["AGENTS_HOME"]) / "npm"
        env = {**os.environ, "AGENTS_HOME": str(self.home), "FAKELLM_PORT": str(self.port)}
        subprocess.run(["/usr/bin/env", "bash", str(kit / "configure.sh"), name], env=env, check=True)
        shutil.copytree(self.home / "home" / name, home)
        for each in home.rglob("*.*"):
            if each.is_file():
                each.write_text(each.read_text().replace(LOCAL, self.address))
        path = f"{programs}/node/node_modules/.bin:/usr/bin:/bin"
        given = {"PATH": path} | {
            key: value.format(f"{self.address}:{self.port}") for key, value in _BOXED[name].items()
        }
        program, *args = _PROGRAMS[name]
        keys = f'preset = "{name}"\npermission = "allow_all"\nenv = {{ {pairs(given)} }}\n'
        box = f'[agents.default.sandbox]\nengine = "srt"\nnetwork = ["{self.address}:{self.port}"]\n'
        return {"agent": (f"{programs}/{name}/node_modules/.bin/{program}", *args), "agent_extra": keys + box}


@contextmanager
def real_agents(folder: Path, address: str = LOCAL) -> Iterator[RealAgents]:
    """Run the model at an address of this machine. The agents' homes are in `folder`, apart from other tests'."""
    home = folder / "agents"
    (home / "home").mkdir(parents=True)
    (home / "npm").symlink_to(Path(os.environ["AGENTS_HOME"]) / "npm")
    record = folder / "requests.jsonl"
    record.touch()
    kit = Path(os.environ["AGENTS_KIT"])
    command = [sys.executable, "-c", _MODEL, str(kit / "fakellm.py"), "/dev/null", str(record), address]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as model:
        try:
            assert model.stdout is not None
            yield RealAgents(home, int(model.stdout.readline()), record, address)
        finally:
            model.kill()

"""The support bundle: what a helper has to know, without a secret in any part."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

from bot.cli.report import redacted_lines
from tests.support.fork_server import run

BOUND = 60.0
"""Seconds before the command counts as hanging."""

SECRETS = {
    "DISCORD_TOKEN": "MTIz.of-the-report",
    "MODEL_KEY": "sk-from-the-environment",
    "HELD_BACK": "inherited-by-the-agent",
    "LITERAL": "written-into-the-table",
    "HEADER": "Bearer of-a-server",
    "BEHIND_THE_SCHEME": "of-a-server",
    "ARGUMENT": "given-as-an-argument",
    "IN_AN_ADDRESS": "me:of-the-address",
    "IN_A_QUERY": "behind-the-equals-sign",
    "OF_THE_ENDPOINT": "in-the-endpoint",
    "AROUND": "for-what-wraps-it",
    "IN_A_SCRIPT": "within-a-script",
    "QUOTED": "two words; quoted",
    "WITHIN_AN_OPTION": "of-a-variable-in-an-option",
    "IN_A_HEADER": "behind-a-scheme-in-a-header",
    "BEHIND_A_NAME": "behind-the-name-of-a-variable",
    "FURTHER_IN_A_QUERY": "second-in-the-query",
    "IN_JSON": "a-value-in-json",
    "BY_ITS_LOOKS": "sk-ant-known-by-its-looks",
    "WITH_BRACKETS": "a,b;c}d&e",
    "OF_A_PROGRAM": "an-argument-of-a-server",
    "FOR_A_PROGRAM": "a-variable-of-a-server",
    "ODD": 'quotes" and \\ and é',
}

CONFIG = """\
# A comment with {LITERAL}
[discord]
token = "${{DISCORD_TOKEN}}"
endpoint = "http://me:{OF_THE_ENDPOINT}@127.0.0.1:9"
[access]
channels = ["42"]
[agents.default]
command = {python}
args = [
    "-c", {script}, "--api-key", "{ARGUMENT}", "--token={ARGUMENT}", "--env=A_KEY={WITHIN_AN_OPTION}",
    "export A_KEY={IN_A_SCRIPT}; export PASSWORD='{QUOTED}'; true", "-H", "Authorization: Bearer {IN_A_HEADER}",
    "--setenv", "A_TOKEN", "{BEHIND_A_NAME}", "http://127.0.0.1/?x=1&key={FURTHER_IN_A_QUERY}",
    '{{"apiKey": "{IN_JSON}"}}', "{BY_ITS_LOOKS}", "--password={WITH_BRACKETS}",
    "--plain", "shown", "--key", "${{MODEL_KEY}}",
]
wrap = ["env", "SOME_KEY={AROUND}"]
cwd = "{folder}/project"
env = {{ A_KEY = "${{MODEL_KEY}}", B_KEY = "{LITERAL}", ODD = '{ODD}' }}
inherit_env = ["HELD_BACK"]
[[agents.default.mcp_servers]]
name = "tools"
url = "http://{IN_AN_ADDRESS}@127.0.0.1:9/?api_key={IN_A_QUERY}"
headers = {{ Authorization = "{HEADER}" }}
[[agents.default.mcp_servers]]
name = "program"
command = "sh"
args = ["--access-token", "{OF_A_PROGRAM}"]
env = {{ PLAIN = "{FOR_A_PROGRAM}" }}
"""

TALKS = "import os, sys; print(*os.environ.values(), *sys.argv, file=sys.stderr); sys.exit(3)"
"""An agent that prints all that it knows, and ends."""


def make_report(folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    """Run the command next to a configuration and a log that are full of secrets."""
    quote = "'{}'".format
    text = CONFIG.format(**SECRETS, python=quote(sys.executable), script=quote(TALKS), folder=folder)
    (folder / "project").mkdir()
    (folder / "threadline.toml").write_text(text)
    beside = folder / "threadline.env"
    beside.touch(mode=0o600)
    beside.write_text("".join(f"{name}={SECRETS[name]}\n" for name in ("DISCORD_TOKEN", "MODEL_KEY", "HELD_BACK")))
    state = folder / "threadline"
    state.mkdir(exist_ok=True)
    (state / "threadline.log.1").write_text('{"event": "older"}\n')
    (state / "threadline.log").write_text(
        "".join(json.dumps({"event": f"said {each}"}) + "\n" for each in SECRETS.values())
    )
    environ = {name: value for name, value in os.environ.items() if name not in SECRETS}
    return run("report", *args, cwd=folder, env={**environ, "XDG_STATE_HOME": str(folder)}, timeout=BOUND)


def test_the_report_has_the_necessary_facts_and_no_secret(tmp_path: Path) -> None:
    """Versions, the configuration without comments, each agent's state, the last log lines."""
    done = make_report(tmp_path)
    assert done.returncode == 0, done.stderr
    for secret in SECRETS.values():
        assert secret not in done.stdout + done.stderr
        assert json.dumps(secret)[1:-1] not in done.stdout
    for part in (
        "threadline 0.",
        f"Python {sys.version_info[0]}.{sys.version_info[1]}",
        'discord.token = "${DISCORD_TOKEN}"',
        'access.channels = ["42"]',
        'agents.default.env.A_KEY = "${MODEL_KEY}"',
        'agents.default.env.B_KEY = "[secret]"',
        'agents.default.mcp_servers[0].headers.Authorization = "[secret]"',
        "agents.default: FAILED",
        "exit code 3",
        '{"event": "older"}',
        '{"event": "said [secret]"}',
        '"--plain", "shown", "--key", "${MODEL_KEY}"',
        "/?x=1&key=[secret]",
    ):
        assert part in done.stdout, part
    assert "A comment" not in done.stdout


def test_a_report_can_be_made_with_an_invalid_configuration(tmp_path: Path) -> None:
    """It is needed most then; `-o` names its file."""
    (tmp_path / "threadline.toml").write_text("[pool]\nmax_agent = 1\n")
    done = run("report", "--no-agents", "-o", "report.md", cwd=tmp_path, timeout=BOUND)
    assert (done.returncode, done.stdout.startswith("Wrote report.md")) == (0, True)
    text = (tmp_path / "report.md").read_text()
    assert "pool.max_agent = 1" in text
    assert "[pool] max_agent: unknown key" in text


def test_values_that_are_no_secrets_keep_their_form() -> None:
    """Numbers, booleans, lists and nested tables are shown as written."""
    raw = tomllib.loads('a = 1\nb = true\nc = ["x", "y"]\n[d]\ne = "f"\nsecret_word = "g"\n[[h]]\ni = "j"\n')
    assert redacted_lines(raw) == [
        "a = 1",
        "b = true",
        'c = ["x", "y"]',
        'd.e = "f"',
        'd.secret_word = "[secret]"',
        'h[0].i = "j"',
    ]

"""openab's configuration converted: what means the same, what has no counterpart, and a file that `check` accepts."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from bot.cli.migrate import config_text
from bot.cli.openab import translate
from bot.config.load import load
from tests.support.fork_server import run

BOUND = 60.0

EXAMPLE = """\
# The keys of openab's published example, in its shape.
[discord]
bot_token = "${DISCORD_BOT_TOKEN}"
allowed_channels = ["1234567890"]

[agent]
command = "kiro-cli"
args = ["acp", "--trust-all-tools"]
working_dir = "PROJECT"

[pool]
max_sessions = 10
session_ttl_hours = 24

[markdown]
tables = "code"

[reactions]
enabled = true
remove_after_reply = false

[reactions.emojis]
queued = "q"
thinking = "t"
tool = "t"
coding = "c"
web = "w"
done = "d"
error = "e"

[reactions.timing]
debounce_ms = 700
stall_soft_ms = 10000
stall_hard_ms = 30000
done_hold_ms = 1500
error_hold_ms = 2500
"""


def migrate(folder: Path, text: str, *args: str) -> subprocess.CompletedProcess[str]:
    """Run the command on a file with that text."""
    (folder / "config.toml").write_text(text)
    return run("migrate", "config.toml", *args, cwd=folder, timeout=BOUND)


def test_the_published_example_gives_a_file_that_check_accepts_once_the_token_is_set(tmp_path: Path) -> None:
    """On a machine with its agent and folder; the output names every key once."""
    agent = tmp_path / "kiro-cli"
    start = "sys.argv[1:] = []\nrunpy.run_module('loopback.agent', run_name='__main__')"
    agent.write_text(f"#!{sys.executable}\nimport runpy, sys\n{start}\n")
    agent.chmod(0o755)
    (tmp_path / "project").mkdir()
    text = EXAMPLE.replace("PROJECT", str(tmp_path / "project"))
    done = migrate(tmp_path, text)
    assert done.returncode == 0, done.stderr
    for key in ("reactions.emojis.queued", "reactions.timing.stall_hard_ms"):
        assert done.stdout.count(f"  {key}: ") == 1
    assert "  pool.session_ttl_hours -> pool.idle_minutes" in done.stdout
    assert "  reactions.remove_after_reply -> reactions.keep" in done.stdout
    assert "keep = true" in (tmp_path / "threadline.toml").read_text()
    assert "The agent acts without asking because of --trust-all-tools" in done.stdout
    assert "Everybody could talk to the agent; now only you can." in done.stdout
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    environ = {**os.environ, "PATH": path, "DISCORD_BOT_TOKEN": "MTIz.a.token", "PYTHONPATH": os.pathsep.join(sys.path)}
    checked = run("check", "--offline", cwd=tmp_path, env=environ, timeout=BOUND)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "FAILED" not in checked.stdout


FULL = """\
[discord]
bot_token = "MTIz.written.down"
allow_all_channels = true
allowed_users = ["42"]
allow_bot_messages = "mentions"
trusted_bot_ids = ["7"]
allow_user_messages = "multibot-mentions"
allow_dm = true
max_bot_turns = 5000
message_processing_mode = "per-thread"
[agent]
command = "/opt/bin/gemini"
args = ["--acp"]
env = { A = "x y", "odd key" = "z" }
inherit_env = ["KEY"]
[pool]
prompt_hard_timeout_secs = 1800
default_config_options = { mode = "yolo", model = "big" }
[reactions]
tool_display = "none"
remove_after_reply = true
[cron]
usercron_enabled = true
[[cron.jobs]]
schedule = "0 9 * * *"
[slack]
bot_token = "xoxb"
[something]
new = 1
"""


@pytest.mark.parametrize(
    ("table", "line", "ours", "value"),
    [
        ("discord", 'allow_bot_messages = "none"', "threads.bots", "off"),
        ("discord", 'allow_bot_messages = "All"', "threads.bots", "all"),
        ("discord", 'allow_bot_messages = "true"', "threads.bots", "all"),
        ("discord", 'allow_user_messages = "multibot_mentions"', "threads.mention", "shared"),
        ("discord", 'allow_user_messages = "Multibot-Mentions"', "threads.mention", "shared"),
        ("discord", 'allowed_role_ids = ["77"]', "threads.mention_roles", ["77"]),
        ("markdown", 'tables = "Bullets"', "reply.tables", "bullets"),
        ("reactions", 'tool_display = "hidden"', "reply.tools", "off"),
        ("reactions", 'tool_display = "Full"', "reply.tools", "full"),
    ],
)
def test_each_spelling_that_openab_takes_is_understood(table: str, line: str, ours: str, value: object) -> None:
    """The output names the key once."""
    done = translate(tomllib.loads(f"discord.bot_token = '${{T}}'\n{table}.{line}\n"))
    where, _, key = ours.rpartition(".")
    assert done.tables[where][key] == value
    assert f"{table}.{line.split(maxsplit=1)[0]} -> {ours}" in done.converted
    assert not [each for each in done.unsupported if line.split(maxsplit=1)[0] in each]


def test_an_unknown_word_is_reported_and_not_guessed() -> None:
    """The default applies."""
    done = translate(tomllib.loads('[discord]\nbot_token = "${T}"\nallow_user_messages = "often"\n'))
    assert "threads" not in done.tables
    assert 'discord.allow_user_messages: the value "often" is not known' in done.unsupported


@pytest.mark.parametrize("token", ["", "Bot ${DISCORD_BOT_TOKEN}"])
def test_a_token_that_cannot_be_converted_is_requested(token: str) -> None:
    """The advice names the variable."""
    done = translate({"discord": {"bot_token": token}, "agent": {"command": "kiro-cli"}})
    assert done.tables["discord"]["token"] == "${DISCORD_TOKEN}"
    assert "Put the token, and nothing else, into the variable DISCORD_TOKEN." in done.advice


def test_every_key_is_converted_or_reported(tmp_path: Path) -> None:
    """With its value in our words; unknown keys are named as such."""
    done = translate(tomllib.loads(FULL))
    assert done.tables == {
        "discord": {"token": "${DISCORD_TOKEN}"},
        "access": {"channels": [], "users": ["42"], "dm": True},
        "threads": {"mention": "shared", "bot_turns": 1000, "bots": "mentions", "trusted_bots": ["7"]},
        "agents.default": {
            "preset": "gemini",
            "command": "/opt/bin/gemini",
            "cwd": "~",
            "ceiling_minutes": 30.0,
            "mode": "yolo",
            "env": {"A": "x y", "odd key": "z"},
            "inherit_env": ["KEY"],
        },
        "reply": {"tools": "off"},
        "reactions": {"keep": False},
    }
    named = {line.partition(":")[0] for line in done.unsupported} | {line.partition(" ")[0] for line in done.converted}
    assert named >= {"discord.message_processing_mode", "pool.default_config_options.model", "cron.jobs"}
    assert named >= {"slack.bot_token", "something.new", "discord.max_bot_turns", "reactions.tool_display"}
    assert "something.new: this key is not known" in done.unsupported
    assert done.token == "MTIz.written.down"
    assert len(done.advice) == 4
    assert "threads.bot_turns was 5000 and is now 1000, the nearest allowed value." in done.advice
    text = config_text(done, "config.toml")
    assert "written.down" not in text
    parsed = tomllib.loads(text)
    assert parsed["agents"]["default"]["env"] == {"A": "x y", "odd key": "z"}


LATER = """\
mcp_profiles_dir = "profiles"
[discord]
bot_token = "${secrets.discord_token}"
allow_all_channels = true
allowed_channels = ["1"]
allow_all_users = false
allowed_users = ["2"]
trusted_bot_ids = ["7"]
[secrets.refs]
discord_token = "aws-sm://prod#token"
[agent]
command = "claude"
args = ["--acp", "--key=${secrets.a-key}"]
env = { KEY = "${secrets.a-key}", PLAIN = "${PLAIN}" }
[pool]
session_ttl_hours = 0
preload_persisted_sessions = true
[telegram]
bot_token = "t"
[delivery]
mode = "structured"
[triage]
enabled = true
[[usage.runners]]
name = "claude"
"""


def test_secrets_of_later_versions_become_variables_and_ignored_keys_are_reported(tmp_path: Path) -> None:
    """Each key has its own reason, and different meanings are explained."""
    done = translate(tomllib.loads(LATER))
    assert done.tables["discord"] == {"token": "${DISCORD_TOKEN}"}
    assert done.tables["access"] == {"channels": [], "users": ["2"]}
    agent = done.tables["agents.default"]
    assert agent["args"] == ["--acp", "--key=${A_KEY}"]
    assert agent["env"] == {"KEY": "${A_KEY}", "PLAIN": "${PLAIN}"}
    assert done.tables["pool"] == {"idle_minutes": 1.0}
    left = dict(line.split(": ", 1) for line in done.unsupported)
    assert "allow_all_channels was set" in left.pop("discord.allowed_channels")
    assert left.pop("telegram.bot_token") == "there is only Discord"
    assert set(left) == {
        *("mcp_profiles_dir", "secrets.refs.discord_token", "pool.preload_persisted_sessions"),
        *("delivery.mode", "triage.enabled", "usage.runners"),
    }
    assert "this key is not known" not in left.values()
    taken = [line.partition(" ")[0] for line in done.converted]
    assert {"discord.allow_all_channels", "discord.allow_all_users", "discord.allowed_users"} <= set(taken)
    assert "agent.working_dir" not in taken
    advice = "\n".join(done.advice)
    assert "${secrets.a_key} is now ${A_KEY}" in advice
    assert 'threads.bots = "mentions"' in advice
    assert 'preset = "claude"' in advice


def test_a_literal_token_goes_into_the_file_of_variables(tmp_path: Path) -> None:
    """Mode 0600; the configuration only names it, and both load together."""
    done = migrate(tmp_path, '[discord]\nbot_token = "MTIz.written.down"\n[agent]\ncommand = "sh"\nworking_dir = "p"\n')
    (tmp_path / "p").mkdir()
    assert done.returncode == 0, done.stderr
    assert "written.down" not in done.stdout + (tmp_path / "threadline.toml").read_text()
    assert (tmp_path / "threadline.env").stat().st_mode & 0o777 == 0o600
    config = load(tmp_path / "threadline.toml", {"DISCORD_TOKEN": "MTIz.written.down"})
    assert config.access.channels == frozenset()
    assert (config.access.users.owner, config.access.users.everyone) == (True, False)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[discord", ":1: this is not valid TOML: "),
        ('[slack]\nbot_token = "x"\n', "has no table [discord]"),
        ("discord = 5\n", "has no table [discord]"),
        ('[discord]\nbot_token = "${X}"\n[pool]\nmax_sessions = "many"\n', "a value of a type"),
        ('[discord]\nbot_token = "${X}"\n[pool]\nsession_ttl_hours = "long"\n', "a value of a type"),
        ('[discord]\nbot_token = "${X}"\n[agent.env]\nSINCE = 2026-01-31\n', "a value of a type"),
    ],
)
def test_a_file_that_is_not_openabs_is_one_line(tmp_path: Path, text: str, words: str) -> None:
    """Exit code 2, without a written file."""
    done = migrate(tmp_path, text)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
    assert words in done.stderr
    assert not (tmp_path / "threadline.toml").exists()
    assert "exists; --force" in migrate(tmp_path, text, "-o", "config.toml").stderr


def test_an_existing_file_of_variables_is_not_overwritten(tmp_path: Path) -> None:
    """The file may hold an agent's key; without a token to write it stays untouched."""
    (tmp_path / "threadline.env").write_text("KEY=value\n")
    done = migrate(tmp_path, '[discord]\nbot_token = "MTIz.written.down"\n')
    assert (done.returncode, "threadline.env exists; --force" in done.stderr) == (2, True)
    assert not (tmp_path / "threadline.toml").exists()
    assert migrate(tmp_path, '[discord]\nbot_token = "${TOKEN}"\n').returncode == 0
    assert (tmp_path / "threadline.env").read_text() == "KEY=value\n"

"""The help of the commands and of their options."""

from typing import Final

PROGRAM: Final = "Threadline joins Discord threads to coding agents."

# ---- commands

CHECK: Final = """\
Check the configuration, Discord and the agents.

Reads the configuration, logs in to Discord, starts each agent and shakes hands. It posts nothing and sends no prompt.
"""

DEMO: Final = "Watch the bot work on this machine, without a token or a network."

DOCTOR: Final = """\
Find out what each agent can do, and whether it asks first.

Starts all agents, or the one named AGENT. Each gets two short prompts, which cost what prompts cost. Then it is started
again, killed, and started once more. The agent works in its own directory and in a temporary one. Its requests are
refused, and its sessions are deleted if it can delete sessions.
"""

INIT: Final = """\
Set up a bot, step by step.

Asks for the bot's token, its channels, the people who may talk to it, and its agent. Writes threadline.toml and
threadline.env.

The token comes from --token-file, from the variable DISCORD_TOKEN, or from a question that does not show it.
"""

LOGIN: Final = """\
Log in to AGENT in this terminal.

The agent's own login gets the environment and the directory that the bot gives the agent.
"""

MIGRATE: Final = """\
Convert FILE, the config.toml of openab.

Lists each setting that has no counterpart.
"""

REPORT: Final = """\
Collect a bug report.

It has the versions, the configuration, what each agent says at its start, and the last log lines. Secrets are left out.
Read the report before you share it: it shows paths, IDs and the names that agents give themselves.
"""

RUN: Final = "Connect to Discord and work until stopped."

RUNNER: Final = """\
Start agents on this machine for a bot on another one.

The bot runs this command through the engine of one of its places, for example SSH. It reads what it is to do from its
input, ends the agents it has started when the connection is lost, and is of no use in a terminal.
"""

SERVICE: Final = """\
Print a systemd user unit.

Save it as ~/.config/systemd/user/threadline.service. Its first lines say how to start it.
"""

# ---- options

CONFIG: Final = (
    "The configuration file.  [default: $THREADLINE_CONFIG, or threadline.toml in this folder, or"
    " threadline/threadline.toml in $XDG_CONFIG_HOME]"
)
OFFLINE: Final = "Skip Discord."
LIVE: Final = "Try what the bot relies on, in this channel on the real Discord, and delete everything again."
LIVE_YES: Final = "With --live: start without asking."
PEOPLE: Final = (
    "With --live: whether a person is there to press buttons and to look at messages.  [default: if this is a terminal]"
)
FORUM: Final = "With --live: also change the tags of a post in this forum."
LOAD: Final = "With --live: write into so many threads at once for a minute."
RECORD: Final = "With --live: keep Discord's answers in this file, without IDs, tokens, names and what people wrote."
ONCE: Final = "Play the conversation, check that it went right, and exit."
DEMO_AGENT: Final = "Use this ACP agent; `auto` is the first one that is installed."
TRY_ALL: Final = "Also try what costs a prompt: fork, image, cancel, steering, crash. Up to five more short prompts."
AS_JSON: Final = "Print everything as JSON."
METHOD: Final = "The way to log in, if the agent has several."
TOKEN_FILE: Final = "Read the token from this file; - is stdin."  # noqa: S105 - help
ENDPOINT: Final = "Another Discord-compatible server."
INTENT: Final = "Turn the Message Content intent on, or leave it as it is."
CHANNEL: Final = "A channel to work in; may be repeated."
USER: Final = (
    'Who may talk to the bot: "owner" for only you, "role:ID", a user ID, or "*" for everybody who sees the channel;'
    " may be repeated.  [default: owner]"
)
AGENT: Final = "The name of a preset, or the command of an ACP agent."
CWD: Final = "The folder in which the agent works; created if it does not exist."
SANDBOX: Final = "Start the agent in a sandbox, or without one.  [default: asks where one can be made, else without]"
WAIT: Final = "Seconds to wait for the bot to be invited."
YES: Final = "Do not ask: use the default where no flag gives the answer."
FORCE: Final = "Replace the files if they exist."
CHECK_AFTERWARDS: Final = "Run threadline check at the end."
CONVERTED: Final = "The configuration to write."
REPORT_FILE: Final = "Write the report to this file instead of printing it."
NO_AGENTS: Final = "Do not start the agents."
NEW_JOURNAL: Final = "Put an unusable journal aside and begin a new one."
LOG_FORMAT: Final = "How log lines look; auto is pretty on a terminal and JSON elsewhere."
LOG_LEVEL: Final = "The lowest level to log; debug includes what agents write to stderr."

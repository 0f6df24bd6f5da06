"""The known agents, as one table: how each is started, made to ask, logged in to, installed and continued.

No other code knows an agent's name. Each fact has a source: `measured` in that version, the agent's own documentation,
or reports of others, `not run here`. An agent that is not in the table works too, by its command.
"""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """One agent. Keys in `[agents.NAME]` take precedence over all of this."""

    title: str
    """Its makers' name for it."""

    command: str
    args: tuple[str, ...] = ()

    mode: str = ""
    """The id of the mode in which it asks before it acts. Empty: the first of `default` and `ask` that it lists."""

    env: Mapping[str, str] = field(default_factory=dict)
    """Variables that make it ask, where its mode does not, or not from the start."""

    inherit_env: tuple[str, ...] = ()
    """Names of variables that it inherits where they are set: keys, and where it keeps its files."""

    any_of: tuple[str, ...] = ()
    """Names of variables; at least one must be set unless a person has logged in."""

    login: tuple[str, ...] = ()
    """Its own login command, for a terminal. Empty: it takes keys from variables or files only."""

    state: tuple[str, ...] = ()
    """Where it keeps its login, settings and sessions, below the home directory."""

    page_login: str = ""
    """The id of its login method that needs no terminal: it names a page and a code. Empty: it has none."""

    own_client: tuple[str, ...] = ()
    """Parts of `client` that it should not get: it performs them itself too, even after a refusal."""

    resume: str = ""
    """The command that continues a session in a terminal; `{session_id}` stands for the id. Empty: it cannot."""

    fork_points: tuple[str, tuple[int, ...]] | None = None
    """The name that it gives at initialize, and its first version that reads a fork point, which none announces."""

    install: str
    """Where to get it, in words."""

    quirks: tuple[str, ...] = ()
    """Surprising behaviour, a sentence each."""

    source: str
    """The source of these facts."""

    def continuing(self, session_id: str) -> str:
        """Return the shell line that continues a session in a terminal, in its directory; empty if there is none."""
        return self.resume.format(session_id=shlex.quote(session_id))


PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        "claude": Preset(
            title="Claude Code",
            command="claude-agent-acp",
            mode="default",
            inherit_env=(
                "ANTHROPIC_API_KEY",
                "ANTHROPIC_AUTH_TOKEN",
                "ANTHROPIC_BASE_URL",
                "CLAUDE_CODE_OAUTH_TOKEN",
                "CLAUDE_CONFIG_DIR",
            ),
            any_of=("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN"),
            login=("claude-agent-acp", "--cli", "auth", "login"),
            resume="claude --resume {session_id}",
            fork_points=("@agentclientprotocol/claude-agent-acp", (0, 101)),
            state=(".claude", ".claude.json"),
            install="npm install -g @agentclientprotocol/claude-agent-acp (needs Node.js 22 or newer)",
            quirks=(
                "A new session starts in a mode that acts without asking; Threadline sets `default`.",
                "It never asks about a tool that its own settings allow, whatever the mode.",
                "To run it as root, set `IS_SANDBOX=1` in `env`.",
                "While its model service fails, it retries silently for more than a minute.",
                "To continue a session in a terminal, also install Claude Code itself (`@anthropic-ai/claude-code`).",
            ),
            source="measured: 0.101.0; login: its own list of login methods",
        ),
        "codex": Preset(
            title="Codex",
            command="codex-acp",
            mode="read-only",
            env={"INITIAL_AGENT_MODE": "read-only"},
            inherit_env=("CODEX_API_KEY", "OPENAI_API_KEY", "OPENAI_BASE_URL", "CODEX_HOME"),
            any_of=("CODEX_API_KEY", "OPENAI_API_KEY"),
            login=("codex", "login"),
            page_login="chat-gpt-device-code",
            resume="codex resume {session_id}",
            fork_points=("@agentclientprotocol/codex-acp", (2, 6)),
            state=(".codex",),
            install="npm install -g @agentclientprotocol/codex-acp @openai/codex",
            quirks=(
                'With a key and no login, `env` needs `DEFAULT_AUTH_REQUEST = \'{"methodId":"api-key"}\'`.',
                "Rejecting a question with its reject option ends the whole turn.",
                "The older adapter, `@zed-industries/codex-acp`, does so too, and has its own modes.",
                'The older adapter asks only if Codex\'s `config.toml` has `approval_policy = "on-request"`.',
                "The older adapter ignores the end of its input, so it takes some seconds to stop.",
            ),
            source="measured: 2.6.0, and 0.16.0 of the older adapter; modes and variables: its documentation",
        ),
        "gemini": Preset(
            title="Gemini CLI",
            command="gemini",
            args=("--acp",),
            mode="default",
            inherit_env=(
                "GEMINI_API_KEY",
                "GOOGLE_API_KEY",
                "GOOGLE_APPLICATION_CREDENTIALS",
                "GOOGLE_CLOUD_LOCATION",
                "GOOGLE_CLOUD_PROJECT",
                "GOOGLE_GENAI_USE_VERTEXAI",
            ),
            any_of=("GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_APPLICATION_CREDENTIALS"),
            login=("gemini",),
            resume="gemini --resume {session_id}",
            state=(".gemini",),
            install="npm install -g @google/gemini-cli",
            quirks=(
                "It says that it can reopen sessions, but sometimes refuses to after a restart.",
                "It asks about tool calls that it has not announced, and reports a mode change in its text.",
                'With `client = ["fs"]` it cannot create files.',
                "While its model service fails, it says nothing for more than two minutes.",
                "While a tool runs it ignores the end of its input and SIGTERM, so it takes some seconds to stop.",
            ),
            source="measured: 0.61.0; login, variables and --resume: its documentation",
        ),
        "opencode": Preset(
            title="OpenCode",
            command="opencode",
            args=("acp",),
            mode="build",
            env={"OPENCODE_PERMISSION": '{"edit":"ask","bash":"ask","webfetch":"ask"}'},
            inherit_env=("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "XDG_CONFIG_HOME", "XDG_DATA_HOME"),
            login=("opencode", "auth", "login"),
            own_client=("fs",),
            resume="opencode --session {session_id}",
            state=(".config/opencode", ".local/share/opencode", ".local/state/opencode", ".cache/opencode"),
            install="npm install -g opencode-ai",
            quirks=(
                "Its permission settings decide when it asks; its modes, `build` and `plan`, do not.",
                "The preset makes it ask before edits, commands and web pages, with `OPENCODE_PERMISSION`.",
                'With `client = ["fs"]` it still writes a file itself after Threadline refuses: leave `"fs"` out.',
                "While its model service fails, it retries silently for more than a minute.",
            ),
            source="measured: 1.18.33; login, permissions and --session: its documentation",
        ),
        "qwen": Preset(
            title="Qwen Code",
            command="qwen",
            args=("--acp",),
            mode="default",
            inherit_env=("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_MODEL"),
            any_of=("OPENAI_API_KEY",),
            login=("qwen",),
            resume="qwen --resume {session_id}",
            state=(".qwen",),
            install="npm install -g @qwen-code/qwen-code (needs Node.js 22 or newer)",
            quirks=(
                "To log in, type `/auth` in the program that `threadline login` starts, then `/quit`.",
                "A new session starts in mode `auto`, which acts without asking; Threadline sets `default`.",
                "It lists its commands on one line of more than half a megabyte.",
                "It sends requests outside the protocol (`craft/drainMidTurnQueue`), which Threadline refuses.",
                "While its model service fails, it retries silently for more than a minute.",
            ),
            source="measured: 0.24.4; variables and --resume: its documentation",
        ),
        "vibe": Preset(
            title="Mistral Vibe",
            command="vibe-acp",
            mode="ask",
            inherit_env=("MISTRAL_API_KEY", "VIBE_HOME"),
            any_of=("MISTRAL_API_KEY",),
            login=("vibe-acp", "--setup"),
            resume="vibe --resume {session_id}",
            state=(".vibe",),
            install="uv tool install mistral-vibe, or pipx install mistral-vibe (needs Python 3.12 or newer)",
            quirks=(
                "A new session starts in mode `accept-edits`, which edits without asking; Threadline sets `ask`.",
                "It takes four seconds to start, and 2.5 more to open a session.",
                "It accepts the name of a mode that does not exist.",
                "While its model service fails, it says nothing for more than two minutes.",
            ),
            source="measured: 3.0.2; login and variables: its documentation",
        ),
        "fast-agent": Preset(
            title="fast-agent",
            command="fast-agent-acp",
            inherit_env=("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GOOGLE_API_KEY", "DEEPSEEK_API_KEY"),
            any_of=("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GOOGLE_API_KEY", "DEEPSEEK_API_KEY"),
            install="uv tool install fast-agent-mcp, or pipx install fast-agent-mcp (needs Python 3.13.5 or newer)",
            quirks=(
                "The package `fast-agent-acp` has a program of the same name that does not start: remove it.",
                "Its modes are its agents, so each thread warns that it may act without asking, although it asks.",
                "It also reads keys from `fastagent.secrets.yaml`, in its directory or above.",
                'It has no tools unless `args` adds some, for example `["--shell"]`.',
                'With such tools and `client = ["fs", "terminal"]`, Threadline handles its files and commands.',
                "It takes five to seven seconds to start.",
                "It claims any protocol version that it is asked for, but speaks version 1.",
            ),
            source="measured: 0.10.4x; keys and modes: its documentation",
        ),
        "kimi": Preset(
            title="Kimi Code",
            command="kimi",
            args=("acp",),
            inherit_env=("KIMI_CODE_HOME",),
            login=("kimi", "login"),
            resume="kimi --session {session_id}",
            state=(".kimi-code",),
            install="npm install -g @moonshot-ai/kimi-code",
            quirks=(
                "It opens no session before a login.",
                "This is not the older `kimi-cli`, whose last version (1.52.0) only prints that it is discontinued.",
            ),
            source="measured: the handshake of 1.40.0; the rest: its documentation",
        ),
        "goose": Preset(
            title="goose",
            command="goose",
            args=("acp",),
            mode="approve",
            env={"GOOSE_MODE": "approve"},
            inherit_env=("GOOSE_PROVIDER", "GOOSE_MODEL", "ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GOOGLE_API_KEY"),
            login=("goose", "configure"),
            resume="goose session --resume --session-id {session_id}",
            state=(".config/goose", ".local/share/goose", ".local/state/goose"),
            install="follow the installation guide at block.github.io/goose",
            quirks=(
                "Its own default mode, `auto`, acts without asking; `GOOSE_MODE` overrides its settings.",
                "It needs a model provider, which `goose configure` sets up.",
                "A tool for database migrations is called `goose` too.",
            ),
            source="its documentation, not run here: block.github.io/goose/docs/guides/acp-clients; mode: pull request "
            "10939 of `kirodotdev/KiroCrew`",
        ),
        "copilot": Preset(
            title="GitHub Copilot CLI",
            command="copilot",
            args=("--acp", "--stdio"),
            inherit_env=("COPILOT_GITHUB_TOKEN",),
            any_of=("COPILOT_GITHUB_TOKEN",),
            login=("copilot", "login"),
            resume="copilot --resume {session_id}",
            state=(".copilot",),
            install="npm install -g @github/copilot (needs Node.js 22 or newer)",
            quirks=(
                "Its modes do not decide when it asks, so each thread warns that it may act without asking.",
                "Version 1.0.81-2 and later are reported to act without asking: try yours with `threadline doctor`.",
                "Its session option `allow_all` turns its questions off.",
            ),
            source="its documentation, not run here: "
            "docs.github.com/en/copilot/reference/copilot-cli-reference/acp-server; questions: issues 845 and 4537 of "
            "`github/copilot-cli`",
        ),
        "cursor": Preset(
            title="Cursor CLI",
            command="cursor-agent",
            args=("acp",),
            mode="ask",
            inherit_env=("CURSOR_API_KEY", "CURSOR_AUTH_TOKEN", "CURSOR_CONFIG_DIR"),
            any_of=("CURSOR_API_KEY", "CURSOR_AUTH_TOKEN"),
            login=("cursor-agent", "login"),
            state=(".cursor", ".config/cursor"),
            install="follow the installation guide at cursor.com/docs/cli/installation",
            quirks=(
                'Its documentation calls the program `agent`; if yours has only that name, set `command = "agent"`.',
                "In mode `ask` it only reads. In mode `agent` it is reported to ask before commands, not before edits.",
            ),
            source="its documentation, not run here: cursor.com/docs/cli/acp; edits: the recordings of cursor-agent "
            "2026.10.01 in the crate rho-coding-agent 2.19.0",
        ),
        "kiro": Preset(
            title="Kiro CLI",
            command="kiro-cli",
            args=("acp",),
            inherit_env=("KIRO_API_KEY",),
            any_of=("KIRO_API_KEY",),
            login=("kiro-cli", "login"),
            resume="kiro-cli chat --resume-id {session_id}",
            state=(".kiro", ".local/share/kiro-cli"),
            install="follow the installation guide at kiro.dev/docs/cli",
            quirks=(
                "Its modes are its agents, so each thread warns that it may act without asking, although it asks.",
                "A login takes precedence over `KIRO_API_KEY`, which is documented for its use without a terminal.",
                "It is reported to end, instead of answering, when it does not know the session to reopen.",
            ),
            source="its documentation, not run here: kiro.dev/docs/cli/acp, kiro.dev/docs/cli/authentication; modes: "
            "issue 54 of `ankitcharolia/kiro-gateway`; sessions: pull request 149 of `inceptionstack/roundhouse`",
        ),
    }
)
"""By the value of `preset`."""

FORK_POINTS: Mapping[str, tuple[int, ...]] = MappingProxyType(
    dict(each.fork_points for each in PRESETS.values() if each.fork_points is not None)
)
"""The agents that read a fork point, by the name that they give, each with its first version that does."""

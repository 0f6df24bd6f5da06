"""`threadline service`: a unit for systemd that runs this installation with this configuration."""

import os
from pathlib import Path

import click

from .common import CONFIG, find_or_fail
from .invocation import program
from .texts import options


@click.command(help=options.SERVICE)
@CONFIG
def service(given: Path | None) -> None:
    """Print the unit."""
    click.echo(unit_text(program(), find_or_fail(given).absolute()), nl=False)


def unit_text(program: tuple[str, ...], configuration: Path) -> str:
    """Return the text of the unit."""
    start = " ".join(map(_escaped, (*program, "run", "-c", str(configuration))))
    return f"""\
# threadline service > ~/.config/systemd/user/threadline.service
# systemctl --user daemon-reload && systemctl --user enable --now threadline
# loginctl enable-linger               (so that it runs while you are not logged in)
# journalctl --user -u threadline -f   (its log)

[Unit]
Description=Threadline, coding agents in Discord threads
Wants=network-online.target
After=network-online.target
StartLimitIntervalSec=0

[Service]
# The bot reports when it is ready, which takes as long as Discord is away, and then every second that it still works.
Type=notify
TimeoutStartSec=infinity
# The bot exits after 60 seconds without a sign of life, and logs where it was stuck; this is for when it cannot.
WatchdogSec=90
ExecStart={start}
WorkingDirectory={str(configuration.parent).replace("%", "%%")}
# The PATH of the shell in which this was written: agents are looked up on it.
Environment={_escaped(f"PATH={os.environ.get('PATH', os.defpath)}")}
# Only the bot gets the signal; it lets turns end, then stops its agents. Processes that remain are killed.
KillMode=mixed
TimeoutStopSec=40
Restart=on-failure
RestartSec=30
# The token, the configuration or the journal cannot be used: a person has to change something first.
RestartPreventExitStatus=2
# An agent that uses all memory is killed alone.
OOMPolicy=continue
TasksMax=4096
LimitNOFILE=65536
# These work with every agent. Read-only or hidden folders do not, because agents work in them; nor do private
# namespaces or a filter of system calls, because some agents build a sandbox of their own from these.
NoNewPrivileges=yes
RestrictSUIDSGID=yes
RestrictRealtime=yes
LockPersonality=yes

[Install]
WantedBy=default.target
"""


def _escaped(text: str) -> str:
    """Quote a word for a unit (systemd.service, Command lines): `%` and `$` have a meaning there."""
    plain = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{plain}"' if plain != text or " " in text else plain

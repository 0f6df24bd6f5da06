"""`threadline service`: a unit for systemd that runs this installation with this configuration."""

import os
import shutil
import sys
from pathlib import Path

import click

from .common import CONFIG, fail


@click.command()
@CONFIG
def service(path: Path) -> None:
    """Print a systemd user unit.

    Put it into ~/.config/systemd/user/threadline.service. Its first lines say how to start it.
    """
    if not path.is_file():
        fail(f"{path}: there is no such file; threadline init writes one", 2)
    click.echo(unit_text(_program(), path.absolute()), nl=False)


def _program() -> tuple[str, ...]:
    """Return the absolute command that starts this program: its script, or else this Python."""
    script = Path(sys.argv[0]).absolute()
    if script.name == "threadline" and shutil.which(script):
        return (str(script),)
    return (sys.executable, "-m", "bot")


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
# It says itself when it is ready, which takes as long as Discord is away, and then every second that it still works.
Type=notify
TimeoutStartSec=infinity
# It ends itself after 60 seconds without a sign of life, and says where it stood; this is for when it cannot do that.
WatchdogSec=90
ExecStart={start}
WorkingDirectory={str(configuration.parent).replace("%", "%%")}
# The PATH of the shell in which this was written: agents are looked up on it.
Environment={_escaped(f"PATH={os.environ.get('PATH', os.defpath)}")}
# Only the bot is told to stop; it lets turns end, then ends its agents. What is left after that is killed.
KillMode=mixed
TimeoutStopSec=40
Restart=on-failure
RestartSec=30
# The token, the configuration or the journal cannot be used: a person has to change something first.
RestartPreventExitStatus=2
# An agent that eats all memory is ended alone, not the bot with it.
OOMPolicy=continue
TasksMax=4096
LimitNOFILE=65536
# What agents can live with. Not here: read-only or hidden folders, for agents work in them; private namespaces and a
# filter of system calls, for some agents make a sandbox of their own out of these.
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

"""`python -m loopback.agent`: flags, and the thread that reads stdin."""

import argparse
import os
import signal
import sys
import threading
from pathlib import Path

from loopback.agent.login import PLACES, STATUSES, WAYS, LoginScript
from loopback.agent.peer import REFUSABLE, AgentFlags, ScriptedAgent
from loopback.agent.script import help_text
from loopback.agent.sessions import MODES
from loopback.agent.wire import JsonRpcLink

_DEAF_SECONDS = 600  # a forgotten deaf agent still ends


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m loopback.agent",
        description="A scripted agent that speaks ACP v1 on stdin and stdout. The lines of a prompt say what it does.",
        epilog=f"directives (a line each, in the prompt's text):\n{help_text()}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--name", default="scripted-agent", help="the name it gives at initialize")
    add("--initialize-delay", type=float, default=0, metavar="S", help="answer initialize after S seconds")
    add("--new-delay", type=float, default=0, metavar="S", help="answer session/new after S seconds")
    add("--load-delay", type=float, default=0, metavar="S", help="answer session/load and resume after S seconds")
    add("--first-delay", type=float, default=0, metavar="S", help="wait S seconds before each prompt's first chunk")
    add("--no-load", action="store_false", dest="load", help="session/load is not supported")
    add("--no-resume", action="store_false", dest="resume", help="session/resume is not supported")
    add("--no-modes", action="store_false", dest="modes", help="no modes are offered; it stays in the initial one")
    add("--steering", action="store_true", help="messages can go into a running turn")
    add("--initial-mode", choices=list(MODES), default="auto", help="the mode of a new or reopened session (auto)")
    add(
        "--fork",
        choices=["none", "head", "point"],
        default="none",
        help="fork sessions: at the end, or after a message",
    )
    add("--fork-delay", type=float, default=0, metavar="S", help="answer session/fork after S seconds")
    add("--fork-replay", choices=["none", "before", "after"], default="none", help="replay a fork, around its answer")
    faults = ["none", "same", "another", "junk", "never"]
    add("--fork-fault", choices=faults, default="none", help="answer session/fork wrongly")
    add("--state", type=Path, metavar="DIR", help="keep sessions here, so that another process can reopen them")
    add("--deaf", action="store_true", help="ignore SIGTERM and the end of stdin (for ten minutes)")
    add("--protocol", type=int, default=1, metavar="N", help="the protocol version it answers")
    add("--refuse", action="append", default=[], choices=REFUSABLE, help="answer it with an error")
    add("--login", type=Path, metavar="FILE", help="it needs a login, and has one while FILE exists")
    add("--login-at", choices=PLACES, default="prompt", help="what fails without the login (prompt)")
    add("--login-status", choices=STATUSES, default="push", help="how it says whether it is logged in (push)")
    add("--login-way", choices=WAYS, default="device", help="how one logs in (device: a page, and a code)")
    add("--login-url", default="https://login.example/device", metavar="URL", help="the page of the login")
    add("--login-gate", type=Path, metavar="FIFO", help="the login succeeds when this says `yes`, else fails")
    add("--exit-after", choices=["initialize"], help="die right after having answered that")
    return parser


def main() -> None:
    """Serve one client until its end of stdin."""
    flags = vars(_parser().parse_args())
    deaf, exit_after = flags.pop("deaf"), flags.pop("exit_after")
    login = {name: flags.pop(f"login_{name}") for name in ("at", "status", "way", "url", "gate")}
    if flags["login"] is not None:
        flags["login"] = LoginScript(flags["login"], **login)
    if deaf:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    wire = JsonRpcLink(1, on_broken=(lambda: None) if deaf else (lambda: os._exit(1)))
    peer = ScriptedAgent(wire, AgentFlags(**flags | {"refuse": frozenset(flags["refuse"])}))
    if exit_after == "initialize":
        threading.Thread(target=_die_after, args=(peer.initialized,), name="exit-after", daemon=True).start()
    try:
        for line in sys.stdin.buffer:
            peer.take(line)
        if deaf:
            threading.Event().wait(_DEAF_SECONDS)
    except KeyboardInterrupt:
        os._exit(130)
    os._exit(0)  # turns may be waiting on daemon threads


def _die_after(event: threading.Event) -> None:
    event.wait()
    os.write(2, b"the scripted agent was told to exit after initialize\n")
    os._exit(4)


if __name__ == "__main__":
    main()

"""The scripted agent's directives, one function each."""

import os
import re
import select
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

from loopback.agent import subagents
from loopback.agent.script import Directive, help_text
from loopback.agent.turn import Turn, TurnEnded, text_update
from loopback.agent.wire import Message, RpcError

DirectiveFunction = Callable[[Turn, Directive], None]

DIRECTIVES: dict[str, DirectiveFunction] = {}
"""The function of every directive by its word."""

_CHILD_SECONDS = 600  # a forgotten child ends

_held: list[bytes] = []


def implements(word: str) -> Callable[[DirectiveFunction], DirectiveFunction]:
    """Register the function of this directive."""

    def register(function: DirectiveFunction) -> DirectiveFunction:
        DIRECTIVES[word] = function
        return function

    return register


def perform(turn: Turn, directive: Directive) -> None:
    """Perform one directive, whose text starts a new line. Raises `TurnEnded` or `RpcError` to end the turn."""
    turn.begin_paragraph()
    DIRECTIVES[directive.word](turn, directive)


@implements("say")
def _say(turn: Turn, directive: Directive) -> None:
    turn.say(directive.text("text"))


@implements("echo")
def _echo(turn: Turn, directive: Directive) -> None:
    turn.say(directive.text("text", turn.everything))


@implements("type")
def _type(turn: Turn, directive: Directive) -> None:
    turn.say_each(re.findall(r"\s*\S+(?:\s+$)?", directive.text("text")), directive.number("rate"))


@implements("stream")
def _stream(turn: Turn, directive: Directive) -> None:
    count = directive.whole("count")
    turn.say_each([f"{n} " if n < count else f"{n}" for n in range(1, count + 1)], directive.number("rate", 50))


@implements("code")
def _code(turn: Turn, directive: Directive) -> None:
    body = "".join(f"line_{n} = {n}\n" for n in range(1, directive.whole("lines") + 1))
    turn.say_each(["```python\n", *body.splitlines(keepends=True), "```"], 0)


@implements("think")
def _think(turn: Turn, directive: Directive) -> None:
    turn.update(text_update("agent_thought_chunk", directive.text("text")))


@implements("tool")
def _tool(turn: Turn, directive: Directive) -> None:
    call = turn.open_tool(directive.text("kind"), directive.text("title"))
    turn.move_tool(call, "in_progress")
    turn.move_tool(call, "completed", "done")


@implements("web")
def _web(turn: Turn, directive: Directive) -> None:
    query = directive.text("query")
    _tool(turn, Directive("tool", {"kind": "fetch", "title": query}))
    turn.say(f"Looked up: {query}")


@implements("plan")
def _plan(turn: Turn, directive: Directive) -> None:
    turn.plan([step.strip() for step in directive.text("steps").split("|")])


@implements("tick")
def _tick(turn: Turn, directive: Directive) -> None:
    del directive
    turn.tick()


def _allowed(turn: Turn, call: Message, kind: str, title: str) -> tuple[bool, str]:
    """Ask for permission, update the tool call, and return the verdict with the option's id."""
    tool_call = {**call, "title": title, "kind": kind, "status": "pending"}
    asked = {"sessionId": turn.session.session_id, "toolCall": tool_call, "options": subagents.OPTIONS}
    response = turn.request("session/request_permission", asked)
    outcome = response.get("result", {}).get("outcome", {})
    if outcome.get("outcome") == "cancelled":
        raise TurnEnded("cancelled")
    option = str(outcome.get("optionId", f"error {response.get('error', {}).get('code')}"))
    allowed = option.startswith("allow")
    turn.move_tool(call, "in_progress" if allowed else "failed")
    return allowed, option


@implements("ask")
def _ask(turn: Turn, directive: Directive) -> None:
    kind, title = directive.text("kind"), directive.text("title")
    call = turn.open_tool(kind, title)
    if turn.session.mode == "auto":
        turn.move_tool(call, "completed", "done")
        turn.say("acted unasked")
        return
    allowed, option = _allowed(turn, call, kind, title)
    if allowed:
        turn.move_tool(call, "completed", "done")
    turn.say(f"{'allowed' if allowed else 'rejected'} ({option})")


@implements("permit")
def _permit(turn: Turn, directive: Directive) -> None:
    kind, title = directive.text("kind"), directive.text("title")
    # Only canned replies have a change, which has more than one line.
    content = [_diff(turn, directive)] if directive.text("path") else []
    call = turn.open_tool(kind, title, content=content)
    if turn.session.mode != "auto" and not _allowed(turn, {**call, "content": content}, kind, title)[0]:
        turn.say("Understood, I'll leave it as it is.")
        raise TurnEnded("end_turn")
    turn.move_tool(call, "completed", None if content else "done")


def _diff(turn: Turn, directive: Directive) -> Message:
    path = str(Path(turn.session.cwd) / directive.text("path"))
    return {"type": "diff", "path": path, "oldText": directive.text("old"), "newText": directive.text("new")}


@implements("write")
def _write(turn: Turn, directive: Directive) -> None:
    root = Path(turn.session.cwd).resolve()
    path = (root / directive.text("path")).resolve()
    if not path.is_relative_to(root):
        turn.say(f"{path} is outside of {root}")
        return
    title, text = f"Write {path.relative_to(root)}", "written by the scripted agent\n"
    diff = {"type": "diff", "path": str(path), "oldText": None, "newText": text}
    call = turn.open_tool("edit", title, content=[diff])
    verdict = "acted unasked"
    if turn.session.mode != "auto":
        allowed, option = _allowed(turn, {**call, "content": [diff]}, "edit", title)
        if not allowed:
            turn.say(f"rejected ({option})")
            return
        verdict = f"allowed ({option})"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    turn.move_tool(call, "completed")
    turn.say(f"{verdict}, wrote {path.relative_to(root)}")


@implements("subagent")
def _subagent(turn: Turn, directive: Directive) -> None:
    subagents.begin(turn, directive)


@implements("by")
def _by(turn: Turn, directive: Directive) -> None:
    subagents.act(turn, directive)


@implements("join")
def _join(turn: Turn, directive: Directive) -> None:
    verdicts = subagents.join(turn)
    if not directive.text("quiet"):
        turn.say("\n".join(verdicts))


@implements("hang")
def _hang(turn: Turn, directive: Directive) -> None:
    turn.deaf = bool(directive.text("deaf"))
    turn.wait_until(lambda: False)


@implements("crash")
def _crash(turn: Turn, directive: Directive) -> None:
    del turn
    os.write(2, b"the scripted agent was told to crash\nfatal: crashed on purpose\n")
    os._exit(directive.whole("code", 3))


@implements("huge")
def _huge(turn: Turn, directive: Directive) -> None:
    size = directive.whole("size")
    turn.say(("0123456789" * (size // 10 + 1))[:size])


@implements("stderr")
def _stderr(turn: Turn, directive: Directive) -> None:
    size = directive.whole("size")
    line = b"stderr of the scripted agent ".ljust(99, b".") + b"\n"
    left = memoryview((line * (size // len(line) + 1))[:size])
    while left:
        left = left[os.write(2, left) :]
    turn.say(f"wrote {size} bytes to stderr")


@implements("junk")
def _junk(turn: Turn, directive: Directive) -> None:
    del directive
    turn.wire.write_line(b"this line is not JSON")


@implements("child")
def _child(turn: Turn, directive: Directive) -> None:
    deaf = "trap '' TERM; " if directive.text("deaf") else ""
    # The child inherits the pipes like the tools of real agents, so stdout stays open while it lives.
    child = subprocess.Popen(
        ["/bin/sh", "-c", f"{deaf}exec sleep {_CHILD_SECONDS}"],
        stdin=subprocess.DEVNULL,
        start_new_session=bool(directive.text("setsid")),
    )
    turn.say(f"child {child.pid}")


@implements("hold")
def _hold(turn: Turn, directive: Directive) -> None:
    size = directive.whole("size") * 1024 * 1024
    if directive.text("late"):
        turn.before_end(lambda: _held.append(b"x" * size))
        return
    _held.append(b"x" * size)
    turn.say(f"holding {sum(map(len, _held)) // 1024 // 1024} MiB")


@implements("shell")
def _shell(turn: Turn, directive: Directive) -> None:
    line = ["/bin/sh", "-c", directive.text("command")]
    ran = subprocess.run(line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    turn.say(f"{ran.stdout.decode(errors='replace')}exit code {ran.returncode}")


@implements("client-run")
def _client_run(turn: Turn, directive: Directive) -> None:
    created = _of_client(turn, "terminal/create", command=directive.text("command"))
    if created is None:
        return
    ended = _of_client(turn, "terminal/wait_for_exit", **created) or {}
    output = _of_client(turn, "terminal/output", **created) or {}
    _of_client(turn, "terminal/release", **created)
    turn.say(f"{output.get('output')}exit code {ended.get('exitCode')}")


@implements("client-read")
def _client_read(turn: Turn, directive: Directive) -> None:
    found = _of_client(turn, "fs/read_text_file", path=directive.text("path"))
    if found is not None:
        turn.say(str(found["content"]))


@implements("client-write")
def _client_write(turn: Turn, directive: Directive) -> None:
    written = _of_client(turn, "fs/write_text_file", path=directive.text("path"), content=directive.text("text"))
    if written is not None:
        turn.say("written")


def _of_client(turn: Turn, method: str, **params: object) -> Message | None:
    """Ask the client for a file or a terminal; say its refusal and return None."""
    response = turn.request(method, {"sessionId": turn.session.session_id, **params})
    if "error" in response:
        turn.say(f"refused: {response['error']['message']}")
        return None
    result: Message = response["result"]
    return result


@implements("env")
def _env(turn: Turn, directive: Directive) -> None:
    name = directive.text("name")
    turn.say(os.environ.get(name, "unset") if name else "\n".join(sorted(os.environ)))


@implements("cwd")
def _cwd(turn: Turn, directive: Directive) -> None:
    del directive
    turn.say(turn.session.cwd)


@implements("pid")
def _pid(turn: Turn, directive: Directive) -> None:
    del directive
    turn.say(str(os.getpid()))


@implements("mode")
def _mode(turn: Turn, directive: Directive) -> None:
    del directive
    turn.say(turn.session.mode)


@implements("recall")
def _recall(turn: Turn, directive: Directive) -> None:
    del directive
    prompts = turn.session.prompts
    turn.say(f"{len(prompts)} prompts, the first: {prompts[0]}")


@implements("stop")
def _stop(turn: Turn, directive: Directive) -> None:
    del turn
    raise TurnEnded(directive.text("reason"))


@implements("error")
def _error(turn: Turn, directive: Directive) -> None:
    del turn
    raise RpcError(directive.whole("code"), directive.text("message"), {"reason": "the prompt asked for this error"})


@implements("late")
def _late(turn: Turn, directive: Directive) -> None:
    turn.late.append(directive.text("text"))


@implements("login")
def _login(turn: Turn, directive: Directive) -> None:
    kind = directive.text("kind")
    if directive.text("late"):
        turn.late_logins.append(kind)
    else:
        turn.wire.notify("_auth/status_update", {"authStatus": {"kind": kind, "label": f"Status {kind}"}})


@implements("steering")
def _steering(turn: Turn, directive: Directive) -> None:
    turn.session.steering = directive.text("how"), bool(directive.text("late"))


@implements("vendor")
def _vendor(turn: Turn, directive: Directive) -> None:
    method = directive.text("method")
    response = turn.request(method, {"sessionId": turn.session.session_id})
    error = response.get("error")
    turn.say(f"{method} was answered with {error['code'] if error else 'a result'}")


@implements("gate")
def _gate(turn: Turn, directive: Directive) -> None:
    # Non-blocking, and closed at the end: a remaining reader would take the bytes for the next turn.
    gate = os.open(directive.text("path"), os.O_RDONLY | os.O_NONBLOCK)
    ended, end = os.pipe()
    opened = threading.Event()

    def watch() -> None:
        ready = select.poll()
        ready.register(gate, select.POLLIN)
        ready.register(ended, select.POLLIN)
        if any(descriptor == gate for descriptor, _ in ready.poll()):
            opened.set()
            turn.wake()

    watching = threading.Thread(target=watch, name="gate", daemon=True)
    watching.start()
    try:
        turn.wait_until(opened.is_set)
    finally:
        os.close(end)
        watching.join()
        os.close(ended)
        os.close(gate)


@implements("sleep")
def _sleep(turn: Turn, directive: Directive) -> None:
    turn.wait(directive.number("seconds"))


@implements("usage")
def _usage(turn: Turn, directive: Directive) -> None:
    del directive
    used = 1_000 * len(turn.session.prompts)
    cost = {"amount": used / 100_000, "currency": "USD"}
    turn.update({"sessionUpdate": "usage_update", "used": used, "size": 200_000, "cost": cost})


@implements("help")
def _help(turn: Turn, directive: Directive) -> None:
    del directive
    turn.say(f"```\n{help_text()}\n```")

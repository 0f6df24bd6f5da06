"""The worst input of a hostile or broken agent: seeded, and generated while it is written.

Pure, except for the file of the case `links:large` and the output of the case `stderr`. `SHAPES` has repeating texts by
name. A case is what an agent writes during one turn, line by line. `CASES` has them by name.
"""

import json
import random
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

SMALL_BUDGET: Final = 50.0
"""The milliseconds for which one line, update or message of up to a megabyte may hold the event loop."""

LARGE_BUDGET: Final = 250.0
"""The same for the largest accepted input."""

MB: Final = 1_000_000

Update = dict[str, Any]
Lines = Iterator[bytes]

SHAPES: Final = {
    "quote marks": ">",
    "quote marks and spaces": "> ",
    "spaces and quote marks": " >",
    "quoted lines": "> a\n",
    "backticks": "`",
    "fences": "```\n",
    "fences with words": "```python\nx = 1\n```\n",
    "tildes": "~",
    "asterisks": "*",
    "bold begun": "**a ",
    "underscores": "_",
    "underlined begun": "__a ",
    "bars": "|",
    "a wide table": "|a",
    "a long table": "|a|b|\n|-|-|\n",
    "brackets": "[",
    "links begun": "[a](",
    "links": "[a](b) ",
    "closing brackets": "](",
    "pictures begun": "![",
    "angle brackets": "<",
    "tags": "<br>",
    "comments begun": "<!--",
    "comments on lines": "<!-- x\n",
    "preformatted text begun": "<pre>\n",
    "preformatted texts": "<pre>x</pre>",
    "tables of HTML begun": "<table>\n",
    "tables of HTML": "<table><tr><td>x</td></tr></table>",
    "cells of HTML": "<tr><td>x",
    "entities": "&amp;",
    "backslashes": "\\",
    "hashes": "#",
    "headings": "# a\n",
    "underlined headings": "a\n=\n",
    "rules": "---\n",
    "bullets": "- ",
    "bullets on lines": "- a\n",
    "numbers": "1. ",
    "spaces": " ",
    "tabs": "\t",
    "line feeds": "\n",
    "carriage returns": "\r",
    "line separators": "\u2028",
    "letters": "a",
    "words": "word ",
    "combining marks": "\u0301",
    "flags": "\U0001f1e6",
    "joined emoji": "\U0001f468\u200d",
    "skin tones": "\U0001f44d\U0001f3fd",
    "invisible characters": "\u200b",
    "wide characters": "\u754c",
    "beyond the basic plane": "\U0001f600",
    "addresses": "https://a.example/b ",
    "addresses begun": "https://",
    "mentions": "<@1>",
    "everyone": "@everyone ",
    "emoji codes": ":a:",
    "dollars": "$",
    "null characters": "\0",
    "escapes": "\x1b[31m",
}

PIECES: Final = (*SHAPES.values(), "x", " ", "\n", "\n\n", "    ", "  - ", "1) ", "|", "||", "-# ")
"""The pieces of random texts."""


@dataclass(frozen=True, slots=True)
class Case:
    """What an agent writes during one turn. `lines` takes the session's id. `budget` is in milliseconds."""

    title: str
    budget: float
    lines: Callable[[str], Lines]


CASES: Final[dict[str, Case]] = {}


def _case(name: str, title: str, budget: float = SMALL_BUDGET) -> Callable[[Callable[[str], Lines]], None]:
    def register(lines: Callable[[str], Lines]) -> None:
        CASES[name] = Case(title, budget, lines)

    return register


def _message(method: str, params: object, **more: object) -> bytes:
    return json.dumps({"jsonrpc": "2.0", **more, "method": method, "params": params}, separators=(",", ":")).encode()


def _update(session_id: str, update: Update) -> bytes:
    return _message("session/update", {"sessionId": session_id, "update": update})


def _said(session_id: str, text: str, kind: str = "agent_message_chunk") -> bytes:
    return _update(session_id, {"sessionUpdate": kind, "content": {"type": "text", "text": text}})


def _tool(session_id: str, **fields: object) -> bytes:
    call = {"sessionUpdate": "tool_call", "toolCallId": "call", "title": "Work", "kind": "edit", "status": "pending"}
    return _update(session_id, {**call, **fields})


def _diff(old: str, new: str) -> dict[str, str]:
    return {"type": "diff", "path": "/tmp/a.py", "oldText": old, "newText": new}  # noqa: S108 - a name


def _text_cases() -> None:
    """Add a case for each shape: 10,000 chunks of 20 characters, and then one of a megabyte."""
    for name, part in SHAPES.items():

        def lines(session_id: str, part: str = part) -> Lines:
            piece = _said(session_id, (part * 20)[:20])
            yield from (piece for _ in range(10_000))
            yield _said(session_id, (part * (MB // len(part.encode()) + 1))[:MB])

        # JSON writes a null character with six bytes, so that line has 6 MB.
        budget = LARGE_BUDGET if part == "\0" else SMALL_BUDGET
        CASES[f"text:{name}"] = Case(f"{name}: 10,000 chunks, and one of 1 MB", budget, lines)


_text_cases()


@_case("text:random", "random Markdown, 1 MB in 20 chunks")
def _random_text(session_id: str) -> Lines:
    dice = random.Random(7)
    for _ in range(20):
        yield _said(session_id, "".join(dice.choices(PIECES, k=25_000))[:50_000])


@_case("text:runs", "random runs of one character, 1 MB in 20 chunks")
def _random_runs(session_id: str) -> Lines:
    dice = random.Random(8)
    for _ in range(20):
        yield _said(session_id, "".join(dice.choice(PIECES) * dice.randrange(3_000) for _ in range(40))[:50_000])


@_case("text:nested-quotes", "each line quoted once more than the one before")
def _nested_quotes(session_id: str) -> Lines:
    yield _said(session_id, "".join(f"{'> ' * depth}a\n" for depth in range(700)))


@_case("text:nested-lists", "each list item indented once more")
def _nested_lists(session_id: str) -> Lines:
    yield _said(session_id, "".join(f"{'  ' * depth}- a\n" for depth in range(900)))


@_case("text:growing-fences", "each fence longer than the one before")
def _growing_fences(session_id: str) -> Lines:
    yield _said(session_id, "".join(f"{'`' * size}\na\n" for size in range(3, 1_200)))


@_case("text:one-line-of-code", "a code block with one line of a megabyte")
def _long_code(session_id: str) -> Lines:
    yield _said(session_id, f"```\n{'x' * MB}\n```\n")


@_case("text:largest", "a chunk of 15 MB", LARGE_BUDGET)
def _largest_text(session_id: str) -> Lines:
    yield _said(session_id, "a > `b` *c* | d [e](f) \n" * 625_000)


@_case("thoughts", "a thought of a megabyte of quote marks")
def _thoughts(session_id: str) -> Lines:
    yield _said(session_id, ">" * MB, "agent_thought_chunk")


@_case("user-echo", "a megabyte of the person's own words")
def _echo(session_id: str) -> Lines:
    yield _said(session_id, "> " * (MB // 2), "user_message_chunk")


@_case("alternating", "10,000 chunks, text and thought in turn")
def _alternating(session_id: str) -> Lines:
    lines = _said(session_id, "*a "), _said(session_id, "_b ", "agent_thought_chunk")
    yield from (lines[number % 2] for number in range(10_000))


# ---- lines


@_case("line:arrays", "8 MB of empty arrays", LARGE_BUDGET)
def _arrays(_session_id: str) -> Lines:
    yield b'{"jsonrpc":"2.0","method":"session/update","params":{"a":[' + b"[]," * (8 * MB // 3) + b"0]}}"


@_case("line:small-arrays", "1 MB of empty arrays")
def _small_arrays(_session_id: str) -> Lines:
    yield b'{"jsonrpc":"2.0","method":"session/update","params":{"a":[' + b"[]," * (MB // 3) + b"0]}}"


@_case("line:keys", "an object of 100,000 keys")
def _keys(session_id: str) -> Lines:
    yield _tool(session_id, rawInput={f"k{number}": 0 for number in range(80_000)})


@_case("line:15MB", "a line of 15 MB that holds all sorts", LARGE_BUDGET)
def _long_line(session_id: str) -> Lines:
    head, tail = _tool(session_id, rawInput=["@"]).split(b'"@"')
    yield head + b",".join(b'{"a":%d,"b":["c",null,1.5]}' % number for number in range(400_000)) + tail


@_case("line:60MB", "a line of 60 MB of one text", LARGE_BUDGET)
def _longest_line(session_id: str) -> Lines:
    yield _tool(session_id, rawOutput={"text": "x" * 60 * MB})


@_case("line:escapes", "a megabyte of escaped characters")
def _escapes(session_id: str) -> Lines:
    head, tail = _said(session_id, "@").split(b"@")
    yield head + b"\\ud83d\\ude00" * (MB // 12) + tail


@_case("line:deep", "arrays in each other, half a million")
def _deep(_session_id: str) -> Lines:
    yield b'{"jsonrpc":"2.0","method":"session/update","params":' + b"[" * (MB // 2) + b"]" * (MB // 2) + b"}"


@_case("line:numbers", "numbers of 4,000 digits, 1 MB")
def _numbers(_session_id: str) -> Lines:
    yield b'{"jsonrpc":"2.0","method":"a","params":[' + b",".join([b"9" * 4_000] * 250) + b"]}"


@_case("line:broken", "1 MB that is no JSON, with bad UTF-8")
def _broken(_session_id: str) -> Lines:
    yield b'{"jsonrpc":"2.0","method":"session/update","params":{"a":"' + b"\xff\xfe" * (MB // 2)


@_case("lines:no-json", "20,000 short lines that are no JSON")
def _no_json(_session_id: str) -> Lines:
    yield from (b"this is no JSON" for _ in range(20_000))


@_case("lines:empty", "a megabyte of line feeds")
def _empty_lines(_session_id: str) -> Lines:
    yield b"\n" * MB


@_case("lines:unknown", "20,000 requests with unknown methods")
def _unknown(_session_id: str) -> Lines:
    yield from (_message("vendor/nothing", {}, id=f"u{number}") for number in range(20_000))


@_case("lines:long-methods", "requests with methods and ids of 1 MB")
def _long_methods(_session_id: str) -> Lines:
    for _ in range(5):
        yield _message("m" * (MB // 2), {}, id="i" * (MB // 2))


@_case("lines:answers", "answers for which no request waits, with long results")
def _answers(_session_id: str) -> Lines:
    for number in range(200):
        reply = {"jsonrpc": "2.0", "id": 10**6 + number, "result": {"a": ["x" * 50] * 1_000}}
        yield json.dumps(reply).encode()


@_case("lines:invalid", "updates of the wrong types, each with 1 MB")
def _invalid(session_id: str) -> Lines:
    for value in ("x" * MB, ["x"] * 200_000, {"a": "x" * MB}, 10**300):
        yield _tool(session_id, title=value, locations=value, content=value)


# ---- tool calls, plans, commands


@_case("diff:crafted", "five diffs of 4 KB in which lines repeat")
def _crafted(session_id: str) -> Lines:
    for number in range(5):
        old = "".join("ab"[index * index % 7 % 2] + "\n" for index in range(2_000))
        new = "".join("ab"[index * 3 % 5 % 2] + "\n" for index in range(number, 2_000 + number))
        yield _tool(session_id, toolCallId=f"d{number}", status="completed", content=[_diff(old, new)])


@_case("diff:indented", "450 calls, indented, with blank lines between")
def _indented(session_id: str) -> Lines:
    old = "".join(f"call({number})\n\n" for number in range(450))
    new = "".join(f"    call({number})\n\n" for number in range(450))
    yield _tool(session_id, status="completed", content=[_diff(old, new)])


@_case("diff:blocks", "a key added in 240 blocks")
def _blocks(session_id: str) -> Lines:
    block = "- name: a\n  run: b\n  with:\n    c: d\n"
    yield _tool(session_id, status="completed", content=[_diff(block * 240, (block + "    e: f\n") * 240)])


@_case("diff:megabyte", "a megabyte of lines, every other one changed")
def _large_diff(session_id: str) -> Lines:
    old = "".join(f"line {number}\n" for number in range(40_000))
    new = "".join(f"line {number + number % 2}\n" for number in range(40_000))
    yield _tool(session_id, status="completed", content=[_diff(old, new)])


@_case("diff:one-line", "one line of half a megabyte, changed in the middle")
def _one_line_diff(session_id: str) -> Lines:
    yield _tool(session_id, status="completed", content=[_diff("a" * (MB // 2), "a" * (MB // 4) + "b" * (MB // 4))])


@_case("diffs:many", "an update with 5,000 small diffs")
def _many_diffs(session_id: str) -> Lines:
    yield _tool(session_id, status="completed", content=[_diff(f"a{n}\n", f"b{n}\n") for n in range(5_000)])


@_case("tools:many", "10,000 tool calls")
def _many_tools(session_id: str) -> Lines:
    for number in range(10_000):
        yield _tool(session_id, toolCallId=f"t{number}", status="completed", rawInput={"command": f"echo {number}"})


@_case("tools:large", "100 tool calls of 1 MB each")
def _large_tools(session_id: str) -> Lines:
    for number in range(100):
        output = [{"type": "content", "content": {"type": "text", "text": "> x\n" * (MB // 4)}}]
        yield _tool(session_id, toolCallId=f"l{number}", status="completed", content=output)


@_case("tools:locations", "a tool call with 20,000 locations and a title of 100 KB")
def _locations(session_id: str) -> Lines:
    yield _tool(session_id, title="`t" * 50_000, locations=[{"path": f"/a/{n}", "line": n} for n in range(20_000)])


@_case("plan", "a plan of 100,000 entries, twice", LARGE_BUDGET)
def _plan(session_id: str) -> Lines:
    for status in ("pending", "completed"):
        entries = [{"content": f"step {n}", "priority": "low", "status": status} for n in range(100_000)]
        yield _update(session_id, {"sessionUpdate": "plan", "entries": entries})


@_case("commands", "10,000 commands, 20 times")
def _commands(session_id: str) -> Lines:
    commands = [{"name": f"c{n}", "description": "d" * 40} for n in range(10_000)]
    for _ in range(20):
        yield _update(session_id, {"sessionUpdate": "available_commands_update", "availableCommands": commands})


@_case("options", "a setting with 10,000 choices, 20 times")
def _options(session_id: str) -> Lines:
    choices = [{"value": f"v{n}", "name": f"Choice {n}"} for n in range(10_000)]
    option = {"id": "model", "name": "Model", "category": "model", "type": "select"}
    for number in range(20):
        changed = {**option, "currentValue": f"v{number}", "options": choices}
        yield _update(session_id, {"sessionUpdate": "config_option_update", "configOptions": [changed]})


@_case("links", "20,000 links to files")
def _links(session_id: str) -> Lines:
    for number in range(20_000):
        link = {"type": "resource_link", "name": f"f{number}", "uri": f"file:///tmp/none/{number}"}
        yield _update(session_id, {"sessionUpdate": "agent_message_chunk", "content": link})


@_case("images", "20 images of 1 MB")
def _images(session_id: str) -> Lines:
    image = {"type": "image", "mimeType": "image/png", "data": "iVBORw0KGgo" + "A" * (MB // 4 * 4 - 11)}
    for _ in range(20):
        yield _update(session_id, {"sessionUpdate": "agent_message_chunk", "content": image})


# ---- questions

_ALLOW: Final = [
    {"optionId": "yes", "name": "Allow", "kind": "allow_once"},
    {"optionId": "no", "name": "Deny", "kind": "reject_once"},
]


def _question(session_id: str, request_id: str, call: Update, options: object = _ALLOW) -> bytes:
    params = {"sessionId": session_id, "toolCall": call, "options": options}
    return _message("session/request_permission", params, id=request_id)


def _withdrawn(request_id: str) -> bytes:
    return _message("$/cancel_request", {"requestId": request_id})


@_case("question:large", "a question of 5 MB, its call updated 60 times", LARGE_BUDGET)
def _large_question(session_id: str) -> Lines:
    call = {"toolCallId": "q", "title": "Run", "kind": "execute", "rawInput": {"command": "echo > x\n" * 550_000}}
    yield _question(session_id, "large", call)
    for number in range(60):
        yield _update(session_id, {"sessionUpdate": "tool_call_update", "toolCallId": "q", "title": f"Run {number}"})
    yield _withdrawn("large")


@_case("question:nodes", "a question with 30,000 nodes of input")
def _question_of_nodes(session_id: str) -> Lines:
    call = {"toolCallId": "n", "title": "Run", "kind": "other", "rawInput": {f"k{n}": ["`", {}] for n in range(10_000)}}
    yield _question(session_id, "nodes", call)
    yield _withdrawn("nodes")


@_case("question:options", "a question with 5,000 options")
def _question_of_options(session_id: str) -> Lines:
    options = [{"optionId": f"o{n}", "name": f"Allow {n}", "kind": "allow_always"} for n in range(5_000)]
    yield _question(session_id, "options", {"toolCallId": "o", "title": "Run"}, options)
    yield _withdrawn("options")


@_case("questions:many", "500 questions at once")
def _many_questions(session_id: str) -> Lines:
    for number in range(500):
        yield _question(session_id, f"m{number}", {"toolCallId": f"m{number}", "title": f"Run {number}"})
    for number in range(500):
        yield _withdrawn(f"m{number}")


@_case("form:fields", "a form with 5,000 fields")
def _form(session_id: str) -> Lines:
    properties = {f"f{n}": {"type": "string", "title": "t" * 50, "pattern": "(a+)+$"} for n in range(5_000)}
    schema = {"type": "object", "properties": properties, "required": [*properties]}
    params = {"sessionId": session_id, "mode": "form", "message": "> " * 2_000, "requestedSchema": schema}
    yield _message("elicitation/create", params, id="form")
    yield _withdrawn("form")


@_case("form:choices", "a form whose choices are a megabyte that shows as nothing")
def _form_of_choices(session_id: str) -> Lines:
    choices = [{"const": f"c{n}", "title": f"{n}" + "\u200b" * 150} for n in range(2_000)]
    schema = {"type": "object", "properties": {"a": {"type": "string", "oneOf": choices}}, "required": ["a"]}
    params = {"sessionId": session_id, "mode": "form", "message": "Which?", "requestedSchema": schema}
    yield json.dumps({"jsonrpc": "2.0", "id": "c", "method": "elicitation/create", "params": params}).encode()
    yield _withdrawn("c")


@_case("page", "a page with an address of a megabyte")
def _page(session_id: str) -> Lines:
    for url in ("https://a.example/" + "b" * MB, "https://" + "a." * (MB // 2), "https://a.example"):
        params = {"sessionId": session_id, "mode": "url", "message": "> " * 1_000, "url": url, "elicitationId": "e"}
        yield _message("elicitation/create", params, id="p")
        yield _withdrawn("p")


@_case("question:unseen", "a question of a megabyte; every other character is invisible")
def _unseen_question(session_id: str) -> Lines:
    call = {"toolCallId": "z", "title": "\u200b" * 1_000, "rawInput": {"command": "a\u200b\n" * (MB // 5)}}
    line = {"jsonrpc": "2.0", "id": "z", "method": "session/request_permission"}
    params = {"sessionId": session_id, "toolCall": call, "options": _ALLOW}
    yield json.dumps({**line, "params": params}, ensure_ascii=False).encode()
    yield _withdrawn("z")


@_case("question:largest", "a question of 9 MB of letters beyond ASCII", LARGE_BUDGET)
def _largest_question(session_id: str) -> Lines:
    call = {"toolCallId": "y", "title": "Run", "rawInput": {"command": f"{'é' * 30}\n" * 145_000}}
    line = {"jsonrpc": "2.0", "id": "y", "method": "session/request_permission"}
    params = {"sessionId": session_id, "toolCall": call, "options": _ALLOW}
    yield json.dumps({**line, "params": params}, ensure_ascii=False).encode()
    yield _update(session_id, {"sessionUpdate": "tool_call_update", "toolCallId": "y", "title": "Run it"})
    yield _withdrawn("y")


# ---- other updates


@_case("modes", "5,000 changes of the mode")
def _modes(session_id: str) -> Lines:
    for number in range(5_000):
        yield _update(session_id, {"sessionUpdate": "current_mode_update", "currentModeId": f"mode {number % 2}"})


@_case("titles", "titles and figures of any size")
def _titles(session_id: str) -> Lines:
    for title in ("t" * MB, "> " * (MB // 2), "\u202e" * (MB // 3), "a.b" * (MB // 3)):
        yield _update(session_id, {"sessionUpdate": "session_info_update", "title": title})
    for used in (10**18, 10**4_000, -1):
        cost = {"amount": used, "currency": "x" * MB}
        yield _update(session_id, {"sessionUpdate": "usage_update", "used": used, "size": used, "cost": cost})


@_case("links:large", "20 links to one file of 10 MB", LARGE_BUDGET)
def _large_links(session_id: str) -> Lines:
    path = Path.cwd() / "large"
    path.write_bytes(b"x" * 10 * MB)
    for number in range(20):
        link = {"type": "resource_link", "name": f"f{number}", "uri": path.as_uri()}
        yield _update(session_id, {"sessionUpdate": "agent_message_chunk", "content": link})


@_case("image:large", "an image of 10 MB", LARGE_BUDGET)
def _large_image(session_id: str) -> Lines:
    image = {"type": "image", "mimeType": "image/png", "data": "A" * 13_900_000}
    yield _update(session_id, {"sessionUpdate": "agent_message_chunk", "content": image})


@_case("resources", "20 texts of a megabyte as files, and one that unfolds")
def _resources(session_id: str) -> Lines:
    for number in range(20):
        resource = {"uri": f"file:///{'../' * number}{number}.txt", "text": "\U0001f600" * (MB // 4)}
        yield _update(
            session_id, {"sessionUpdate": "agent_message_chunk", "content": {"type": "resource", "resource": resource}}
        )


@_case("stderr", "20 MB beside the link")
def _stderr(session_id: str) -> Lines:
    for line in (b"a\n", b"\n", b"x" * 65_535 + b"\n", b"\xff\x1b[2J"):
        for _ in range(5):
            sys.stderr.buffer.write(line * (MB // len(line)))
    sys.stderr.buffer.flush()
    yield _said(session_id, "written")


# ---- subagents

RUNNING: Final = {"state": "running"}
IDLE: Final = {"state": "idle", "stopReason": "end_turn"}


def _subagent(session_id: str, name: str, **fields: object) -> bytes:
    return _update(session_id, {"sessionUpdate": "subagent_update", "sessionId": name, **fields})


@_case("subagents:many", "10,000 subagents that all work")
def _many_subagents(session_id: str) -> Lines:
    for number in range(10_000):
        yield _subagent(session_id, f"child{number}", title=f"number {number}", state=RUNNING)


@_case("subagents:flipping", "40 subagents whose states change 10,000 times, with words in between")
def _flipping_subagents(session_id: str) -> Lines:
    for number in range(10_000):
        yield _subagent(session_id, f"child{number % 40}", state=IDLE if number // 40 % 2 else RUNNING)
        yield _said(session_id, f"word {number}\n\n")


@_case("subagents:names", "ten subagents with names and tasks of half a megabyte")
def _long_names(session_id: str) -> Lines:
    for number in range(10):
        yield _subagent(
            session_id, f"child{number}", title="`\u202e" * (MB // 16), description="<@" * (MB // 4), state=RUNNING
        )


@_case("subagents:text", "10,000 chunks of a subagent's text")
def _subagents_text(session_id: str) -> Lines:
    yield _subagent(session_id, "child", state=RUNNING)
    yield from (_said("child", f"word {number}") for number in range(10_000))


@_case("subagents:tools", "5,000 tool calls of a subagent that never end")
def _subagents_tools(session_id: str) -> Lines:
    yield _subagent(session_id, "child", title="reader", state=RUNNING)
    yield from (_tool("child", toolCallId=f"call{number}", rawInput={"text": "x" * 500}) for number in range(5_000))

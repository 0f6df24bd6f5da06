"""The scripted agent's replies to a few plain requests, so that a demo reads like work. Pure."""

from loopback.agent.script import Directive

RETRY = """\
The retry loop is small and lives in `http/retry.py`:
```python
async def fetch(url, attempts=4):
    for attempt in range(attempts):
        try:
            return await get(url)
        except Timeout:
            if attempt == attempts - 1:
                raise
            await sleep(backoff(attempt))
```
Three things to know:
- **It only retries timeouts.** A 4xx response raises at once.
- **It backs off**: 1, 2, then 4 seconds, with some jitter.
- **It raises the last error.** Nothing is swallowed."""

CAUSE = """\
One line is wrong:
```diff
- due = start.replace(year=start.year + 1)
+ due = add_years(start, 1)
```
29 February plus one year is not a date. I'll use the helper we already have."""

FIXED = "Done: **12 passed** in 0.41 s."

NOTES_BEFORE = """\
# Changelog

## Unreleased

## 1.4.0
"""
NOTES_AFTER = """\
# Changelog

## Unreleased

- Due dates on leap days are correct.
- Retries now wait with some jitter.

## 1.4.0
"""
NOTES = "The notes are written. Two of the nine commits concern users; the others are tests and refactoring."

WORST = "`billing`: its rounding has no test at all, and money is the worst place to guess."

MODULES = ("auth", "billing", "cache", "config", "database", "events", "http", "jobs", "mail", "search", "tasks")
REVIEW = "\n".join(
    f"**{name}**: read the public functions, then the callers. Names are consistent, errors are typed, and "
    f"two branches have no test yet."
    for name in MODULES
)


def _type(text: str, rate: int) -> Directive:
    return Directive("type", {"text": text, "rate": str(rate)})


def _tool(kind: str, title: str) -> Directive:
    return Directive("tool", {"kind": kind, "title": title})


def _permit(kind: str, title: str, **more: str) -> Directive:
    return Directive("permit", {"kind": kind, "title": title, **more})


def _begin(name: str, task: str) -> Directive:
    return Directive("subagent", {"name": name, "task": task})


def _by(name: str, what: str) -> Directive:
    return Directive("by", {"name": name, "what": what})


AUDIT = (
    "Both agree: the dates are right, except in one case. `add_years` keeps 29 February in years that don't have it. "
    "No test covers that; I would add one first."
)

_REPLIES: tuple[tuple[tuple[str, ...], tuple[Directive, ...]], ...] = (
    (
        ("retry", "work"),
        (
            Directive("think", {"text": "The loop is in http/retry.py; the backoff is next to it."}),
            _tool("read", "http/retry.py"),
            _type(RETRY, 22),
        ),
    ),
    (
        ("test", "fix"),
        (
            Directive("plan", {"steps": "Find the cause | Fix it | Run the test again"}),
            _type("Let me look at the test and the code it calls.", 15),
            _tool("read", "tests/test_due_dates.py"),
            _tool("read", "billing/due_dates.py"),
            _type(CAUSE, 25),
            Directive("tick"),
            _tool("edit", "billing/due_dates.py"),
            Directive("tick"),
            _type("Now the test again.", 15),
            _permit("execute", "pytest -x tests/test_due_dates.py"),
            Directive("tick"),
            _type(FIXED, 15),
        ),
    ),
    (
        ("release", "notes"),
        (
            _type("I'll look at what has changed since the last release.", 25),
            _permit("execute", "git log --oneline v1.4.0..HEAD"),
            _type("Nine commits. I'll write down the ones that users will notice.", 25),
            _permit("edit", "CHANGELOG.md", path="CHANGELOG.md", old=NOTES_BEFORE, new=NOTES_AFTER),
            _type(NOTES, 25),
        ),
    ),
    (
        ("build", "fails"),
        (
            _type("I'll read the build file first.", 25),
            _tool("read", "Makefile"),
            _type("A target is missing.", 25),
            Directive("crash"),
        ),
    ),
    (
        ("subagents", "audit"),
        (
            _type("I'll have two subagents look at it from both ends.", 25),
            _begin("researcher", "Find every place that reads or writes a due date"),
            _begin("tester", "Run the date tests, and look for missing cases"),
            _by("researcher", "tool search due_date"),
            _by("tester", "tool read tests/test_due_dates.py"),
            _by("researcher", "tool read billing/due_dates.py"),
            _by("tester", "tool search leap"),
            _by("researcher", "say The parser is in one place only."),
            Directive("sleep", {"seconds": "5"}),
            _by("researcher", "ask execute git log --oneline billing/due_dates.py"),
            _by("tester", "ask execute pytest -x tests/test_due_dates.py"),
            Directive("join", {"quiet": "quiet"}),
            _type(AUDIT, 25),
        ),
    ),
    (("review", "module"), (_type("I'll go through them in order.", 12), _type(REVIEW, 8))),
    (
        ("worst", "one"),
        (
            _tool("search", "branches without a test"),
            _type(WORST, 15),
        ),
    ),
)


def find_reply(text: str) -> tuple[Directive, ...] | None:
    """Return the first reply all of whose keywords are in `text`, or None."""
    words = text.lower()
    return next((reply for keywords, reply in _REPLIES if all(keyword in words for keyword in keywords)), None)

"""The scripted agent's replies to a few plain requests, so that a demo reads like work. Pure."""

from loopback.agent.script import Directive

RETRY = """\
The retry loop is small, and lives in `http/retry.py`:
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
- **It only retries timeouts.** A 4xx answer is raised at once.
- **It backs off**: 1, 2, 4 seconds, each with some jitter.
- **The last error is yours.** Nothing is swallowed."""

CAUSE = """\
It fails on one line only:
```diff
- due = start.replace(year=start.year + 1)
+ due = add_years(start, 1)
```
29 February plus a year is not a date. I used the helper that is already there."""

FIXED = "Done: **12 passed** in 0.41 s."

WORST = "`billing`: its rounding has no test at all, and money is the worst place to guess."

MODULES = ("auth", "billing", "cache", "config", "database", "events", "http", "jobs", "mail", "search", "tasks")
REVIEW = "\n".join(
    f"**{name}**: read the public functions, then the callers. Names are consistent, errors are typed, "
    f"two branches have no test yet."
    for name in MODULES
)


def _type(text: str, rate: int) -> Directive:
    return Directive("type", {"text": text, "rate": str(rate)})


def _tool(kind: str, title: str) -> Directive:
    return Directive("tool", {"kind": kind, "title": title})


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
            Directive("plan", {"steps": "Reproduce the failure | Find the cause | Fix it and run the test again"}),
            _tool("read", "tests/test_due_dates.py"),
            _type("Let me see it fail first.", 15),
            Directive("permit", {"kind": "execute", "title": "pytest -x tests/test_due_dates.py"}),
            _type(CAUSE, 25),
            _tool("edit", "billing/due_dates.py"),
            _type(FIXED, 15),
        ),
    ),
    (("review", "module"), (_type("I will go through them in order.", 12), _type(REVIEW, 8))),
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

"""`threadline check --live`, over loopback and on a clock that jumps."""

import asyncio
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from bot.cli.live import file_steps, load_step, people_steps
from bot.cli.texts import live as texts
from loopback import Limit, StrictRule, Thread

from .live_lab import TOKEN, WRITTEN, live_lab

TEXT_FILES = [name for name, *_ in file_steps.FILES if name.endswith(".txt")]

WITHOUT = {
    StrictRule.NONCES: {texts.NONCE_AGAIN, texts.NONCE_LATER},
    StrictRule.LENGTH: {texts.TOO_LONG},
    StrictRule.CODE_POINTS: {texts.LONGEST},
    StrictRule.TRIMMED: {texts.TRIMMED},
    StrictRule.VERBATIM: {texts.VERBATIM},
    StrictRule.SUPPRESSED_PREVIEWS: {texts.NO_PREVIEW},
    StrictRule.THREAD_IDS: {texts.THREAD_ID},
    StrictRule.ARCHIVED: {texts.EDIT_ARCHIVED},
    StrictRule.UNKNOWN_MESSAGES: {texts.EDIT_DELETED},
    StrictRule.FILE_NAMES: {texts.name_of("Überblick.txt"), texts.name_of("_notes.txt")},
    StrictRule.FILE_BYTES: {*map(texts.bytes_of, TEXT_FILES)},
    StrictRule.FILE_ENCODINGS: {*map(texts.encoding_of, TEXT_FILES)},
    StrictRule.RESUMES: {texts.RESUME_BROKEN},
    StrictRule.CLEAN_CLOSES: {texts.RESUME_CLOSED},
}
"""What is a surprise on a Discord without the rule."""

OTHER_LIMITS = [
    (Limit.MESSAGES, (10, 5.0), {texts.SEND_WINDOW, texts.SIX_EDITS}),
    (Limit.MESSAGES, None, {texts.SEND_WINDOW, texts.SIX_EDITS}),
    (Limit.REACTIONS, None, {texts.REACTION_WINDOW, texts.TWO_REACTIONS}),
    (Limit.GLOBAL, (15, 1.0), {texts.READS}),
    (Limit.RENAMES, (0, 600.0), {texts.RENAME}),
    (Limit.CHANNELS, (3, 600.0), {texts.TAGS}),
    (Limit.IDENTIFIES, (500, 86400.0), {texts.IDENTIFIES}),
]
"""A limit, its other figures or none, and what is a surprise then."""

BANNED = {"message": "You are being rate limited.", "retry_after": 1.0, "global": False, "code": 0}

FAULTS: list[tuple[Mapping[str, Any], set[str]]] = [
    ({"method": "PATCH", "after": 14, "status": 429, "body": BANNED, "via": False}, {texts.EDIT_REFUSAL}),
    ({"method": "PUT", "path": re.compile("/thread-members/"), "code": 50001}, {texts.ADD_MEMBER}),
    ({"method": "PUT", "path": re.compile("🔧"), "code": 10014}, {texts.EMOJI}),
    (
        {"method": "PATCH", "path": re.compile(r"^/channels/\d+$"), "after": 1, "code": 50013},
        {texts.ARCHIVE, texts.EDIT_ARCHIVED},
    ),
]
"""A call that goes wrong, and what is a surprise then."""


@pytest.fixture
def _small_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the large file, whose upload is slow."""
    monkeypatch.setattr(file_steps, "FILES", [each for each in file_steps.FILES if each[0] in TEXT_FILES])


async def test_all_is_as_expected_on_loopback_and_nothing_is_left(tmp_path: Path) -> None:
    """No surprise, with a person who presses all that is asked for; neither a message nor a thread remains."""
    async with live_lab(tmp_path, with_people=True) as lab:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(lab.press_all())
            tasks.create_task(lab.check.run())
        assert lab.check.findings.surprises == []
        assert {each.step for each in lab.found} == {1, 2, 3, 4, 5, 6, 7, 8}
        assert lab.check.left == []
        assert lab.discord.messages(lab.channel) == []
        assert not [each for each in lab.discord.world.channels.values() if isinstance(each, Thread)]
        assert lab.check.went_well
        assert lab.check.limit.allowance.left == 1000 - lab.bot.identifies
        assert lab.check.calls < 200
        assert lab.check.refusals < 10


@pytest.mark.usefixtures("_small_files")
@pytest.mark.parametrize("rule", StrictRule)
async def test_on_a_discord_without_a_rule_exactly_that_is_a_surprise(tmp_path: Path, rule: StrictRule) -> None:
    """The rule is known to a step, which names it."""
    async with live_lab(tmp_path) as lab:
        lab.discord.rules.discard(rule)
        await lab.check.run()
        assert lab.surprises == WITHOUT[rule]
        assert lab.check.left == []


@pytest.mark.usefixtures("_small_files")
@pytest.mark.parametrize(("limit", "figures", "surprises"), OTHER_LIMITS)
async def test_on_a_discord_with_other_limits_exactly_those_are_a_surprise(
    tmp_path: Path, limit: Limit, figures: tuple[int, float] | None, surprises: set[str]
) -> None:
    """The windows have other figures, or do not exist."""
    async with live_lab(tmp_path) as lab:
        if figures is None:
            lab.discord.limits.active.discard(limit)
        else:
            lab.discord.limits.change(limit, *figures)
        await lab.check.run()
        assert lab.surprises == surprises
        assert lab.check.left == []


@pytest.mark.usefixtures("_small_files")
@pytest.mark.parametrize(("fault", "surprises"), FAULTS)
async def test_a_call_that_goes_wrong_is_named(tmp_path: Path, fault: Mapping[str, Any], surprises: set[str]) -> None:
    """And no other one."""
    async with live_lab(tmp_path) as lab:
        lab.discord.fault(**fault)
        await lab.check.run()
        assert lab.surprises == surprises


@pytest.mark.usefixtures("_small_files")
async def test_identifies_that_discord_does_not_count_are_a_surprise(tmp_path: Path) -> None:
    """The bot spreads its logins by Discord's figure."""
    async with live_lab(tmp_path) as lab:
        starts = {"total": 1000, "remaining": 900, "reset_after": 3_600_000, "max_concurrency": 1}
        body = {"url": lab.discord.world.gateway_url, "shards": 1, "session_start_limit": starts}
        lab.discord.fault(path="/gateway/bot", status=200, body=body, times=None)
        await lab.check.run()
        assert lab.surprises == {texts.COUNTED}


@pytest.mark.usefixtures("_small_files")
async def test_a_step_that_fails_is_a_surprise_and_the_others_run(tmp_path: Path) -> None:
    """What was made is deleted all the same, also a message whose posting was not confirmed."""
    async with live_lab(tmp_path) as lab:
        lab.discord.fault(method="POST", path=re.compile("/messages$"), answer_lost=True)
        lab.discord.fault(method="POST", path=re.compile(r"/messages/\d+/threads$"), reset=True, times=None)
        await lab.check.run()
        failed = [(each.step, each.seen) for each in lab.check.findings.surprises]
        assert [step for step, _ in failed] == [4, 3, 5, 6, 3]
        assert "/threads failed" in failed[0][1]
        assert {seen for _, seen in failed[1:]} == {texts.not_tried(texts.NO_THREAD)}
        assert lab.check.left == []
        assert lab.discord.messages(lab.channel) == []


@pytest.mark.usefixtures("_small_files")
async def test_a_check_that_is_refused_again_and_again_ends_early(tmp_path: Path) -> None:
    """Discord bans an address after too many refusals. Removing may use some that were kept for it."""
    async with live_lab(tmp_path) as lab:
        lab.discord.fault(method="PUT", path=re.compile("/reactions/"), code=50013, times=None)
        lab.check.most_refusals = 3
        await lab.check.run()
        assert lab.check.findings.surprises[-1].step == 2
        assert lab.check.refusals <= 4
        assert lab.check.left == []


@pytest.mark.usefixtures("_small_files")
@pytest.mark.parametrize("refusal", [{"code": 50013}, {"status": 500}])
async def test_what_cannot_be_deleted_is_named(tmp_path: Path, refusal: Mapping[str, Any]) -> None:
    """A person must know of it. All else is deleted."""
    async with live_lab(tmp_path) as lab:
        lab.discord.fault(method="DELETE", path=f"/channels/{lab.channel.id}/messages/", **refusal, times=None)
        await lab.check.run()
        (kept,) = lab.discord.messages(lab.channel)
        assert not [each for each in lab.discord.world.channels.values() if isinstance(each, Thread)]
        assert not lab.check.went_well
    assert lab.check.left == [f"https://discord.com/channels/{lab.guild.id}/{lab.channel.id}/{kept.id}"]


@pytest.mark.usefixtures("_small_files")
async def test_a_page_that_looks_wrong_to_the_person_is_a_surprise(tmp_path: Path) -> None:
    """Each page has an answer of its own."""
    async with live_lab(tmp_path, with_people=True) as lab:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(lab.press_all(texts.NO))
            tasks.create_task(lab.check.run())
        assert lab.surprises == {*map(texts.page, texts.PAGES)}


@pytest.mark.usefixtures("_small_files")
async def test_a_press_that_does_not_come_ends_the_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is left in this case either."""
    monkeypatch.setattr(people_steps, "PRESS_SECONDS", 0.0)
    async with live_lab(tmp_path, with_people=True) as lab:
        await lab.check.run()
        ((step, seen),) = [(each.step, each.seen) for each in lab.check.findings.surprises]
        assert (step, seen) == (8, "not tried: no press within 0 s")
        assert lab.check.left == []


@pytest.mark.usefixtures("_small_files")
async def test_a_recording_has_neither_ids_nor_names_nor_tokens_nor_what_people_wrote(tmp_path: Path) -> None:
    """It has every call, with the headers about limits and the bodies' form."""
    async with live_lab(tmp_path, with_people=True) as lab:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(lab.press_all())
            tasks.create_task(lab.check.run())
        text = lab.check.recording.written()
        lines = [json.loads(line) for line in text.splitlines()]
        assert {"ann", "threadline", "general", "Lab"} & {*values(lines)} == set()
        assert TOKEN not in text
        assert WRITTEN not in text
        assert not re.search(r"\d{15}", text)
        refused = [each for each in lines if each.get("status") == 429]
        assert all("retry-after" in each["headers"] and "retry_after" in each["body"] for each in refused)
        assert {each["t"] for each in lines if "op" in each} >= {"READY", "RESUMED", "INTERACTION_CREATE", None}


@pytest.mark.usefixtures("_small_files")
@pytest.mark.parametrize("refused", [False, True])
async def test_streams_at_once_are_measured_and_their_refusals_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, refused: bool
) -> None:
    """Each token's age is measured, and a refusal is told with Discord's code."""
    monkeypatch.setattr(load_step, "TICKS", 20)
    async with live_lab(tmp_path, load=3) as lab:
        if refused:
            lab.discord.fault(method="PATCH", says=re.compile("^0( |$)"), code=20028, retry_after=0.1)
        await lab.check.run()
        seen = {each.subject: each.seen for each in lab.found if each.step == 9}
        assert seen.keys() == {texts.LOAD_REFUSED, texts.STALENESS}
        assert seen[texts.LOAD_REFUSED] == ("1 with code 20028" if refused else "none")
        assert lab.surprises == ({texts.LOAD_REFUSED} if refused else set())
        assert not [each for each in lab.discord.world.channels.values() if isinstance(each, Thread)]


def values(node: Any) -> Iterator[str]:
    """Yield every text of JSON, without the keys."""
    if isinstance(node, str):
        yield node
    elif isinstance(node, dict | list):
        for inner in node.values() if isinstance(node, dict) else node:
            yield from values(inner)

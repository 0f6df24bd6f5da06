"""What an agent asks, answered by people's hands or by the configuration."""

from pathlib import Path

from tests.e2e.stage import stage


async def test_the_configuration_answers_what_it_covers_and_people_the_rest(tmp_path: Path) -> None:
    """P47: under allow_all a command runs unasked and once; what changes the agent's power, or its mode, is asked."""
    async with stage(tmp_path, agent_extra='permission = "allow_all"') as place:
        thread = await place.thread("ask execute make install\nwrite a.txt\nwrite .claude/settings.json")
        card = await place.ann.sees(thread, "May I", by=place.bot)
        assert "settings.json" in card.content
        await place.ann.click(card, "Reject")
        reply = await place.ann.sees(thread, "rejected (reject_once)", by=place.bot)
        assert reply.content.count("allowed (allow_once)") == 2
        assert not (place.project / ".claude").exists()
        await place.ann.say(thread, "ask switch_mode Ready to code?")
        leaving = await place.ann.sees(thread, "Ready to code", by=place.bot, after=reply)
        assert leaving.components


async def test_deny_denies_without_a_card_and_says_so(tmp_path: Path) -> None:
    """By the agent's own option, so that its turn goes on (P50)."""
    async with stage(tmp_path, agent_extra='permission = "deny"') as place:
        thread = await place.thread("ask execute make install\nsay and I went on")
        reply = await place.ann.sees(thread, "and I went on", by=place.bot)
        assert "denied, as configured: make install" in reply.content
        assert "rejected (reject_once)" in reply.content
        assert not any("May I" in message.content for message in place.said_by_bot(thread))

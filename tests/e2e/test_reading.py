"""The files that an agent can have posted by a link: those of its session's directories only."""

import sys
from pathlib import Path

from loopback.state.permissions import Permission

from .live_bot import bot_lab

AGENT = (sys.executable, "-m", "tests.peers.linking_agent")
SECRET = "the-secret-of-this-machine"


async def test_an_agent_gets_no_file_posted_that_is_not_its_own(tmp_path: Path) -> None:
    """A system file, a key at home, its own environment, the bot's journal, and links to these are refused."""
    home = tmp_path / "home" / ".ssh"
    home.mkdir(parents=True)
    key = home / "id_ed25519"
    key.write_text(SECRET)
    root = Path(__file__).parents[2]
    async with bot_lab(tmp_path, agent=AGENT, agent_extra=f'env = {{ PYTHONPATH = "{root}" }}') as lab:
        (lab.project / "leads-out.txt").symlink_to(key)
        (lab.project / ".env").write_text(SECRET)
        (lab.project / "mine.txt").write_text("mine")
        wanted = ["/etc/passwd", str(key), "/proc/self/environ", f"{lab.project}/../home/.ssh/id_ed25519"]
        wanted += [f"{lab.project}/leads-out.txt", f"{lab.project}/.env", f"file://{tmp_path}/threadline.db"]
        thread = await lab.conversation(
            "\n".join(f"link {uri}" for uri in [*wanted, f"{lab.project}/mine.txt"]),
            lambda each: bool(each.attachments),
        )
        said, files = lab.said_by_bot(thread)
        assert said.content.count("was not sent") == len(wanted)
        assert str(tmp_path) not in said.content  # Where things are on the server is not for the thread.
        assert [(each.filename, each.content) for each in files.attachments] == [("mine.txt", b"mine")]


async def test_a_link_that_is_swapped_after_it_was_looked_at_gains_nothing(tmp_path: Path) -> None:
    """The checked file is the one that is read: each time the agent's own file, or a refusal."""
    key = tmp_path / "key"
    key.write_text(SECRET)
    root = Path(__file__).parents[2]
    async with bot_lab(tmp_path, agent=AGENT, agent_extra=f'env = {{ PYTHONPATH = "{root}" }}') as lab:
        thread = await lab.conversation(
            f"swap {key} 60\nsay over", lambda each: "over" in each.content and not each.components
        )
        files = [file for message in lab.said_by_bot(thread) for file in message.attachments]
        refused = sum(message.content.count("was not sent") for message in lab.said_by_bot(thread))
        assert {file.content for file in files} <= {b"ours"}
        assert refused > 0


async def test_a_bot_that_may_attach_nothing_says_so_and_the_thread_goes_on(tmp_path: Path) -> None:
    """Discord refuses the file with the error of a place without the right to write."""
    root = Path(__file__).parents[2]
    async with bot_lab(tmp_path, agent=AGENT, agent_extra=f'env = {{ PYTHONPATH = "{root}" }}') as lab:
        (lab.project / "mine.txt").write_text("mine")
        lab.discord.world.overwrite(lab.channel, lab.bot.id, deny=int(Permission.ATTACH_FILES))
        thread = await lab.thread(f"link {lab.project}/mine.txt")
        told = await lab.ann.sees(thread, "mine.txt could not be attached", by=lab.bot)
        await lab.ann.say(thread, "say still here")
        await lab.ann.sees(thread, "still here", by=lab.bot, after=told)

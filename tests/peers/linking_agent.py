"""The scripted agent with two more directives: it links files, and swaps a linked file while the bot reads it."""

import threading
from pathlib import Path

from loopback.agent.__main__ import main
from loopback.agent.directives import implements
from loopback.agent.script import GRAMMAR, Directive, Word
from loopback.agent.turn import Turn

GRAMMAR["link"] = Word("link URI", "a resource link", r"(?P<uri>\S+)")
GRAMMAR["swap"] = Word(
    "swap SECRET N",
    "N links to swapped.txt, which is now a file of ours and now leads to SECRET; in the end to SECRET, and one more",
    r"(?P<uri>\S+) (?P<n>\d+)",
)


def link(turn: Turn, uri: str) -> None:
    """Send a resource link."""
    content = {"type": "resource_link", "name": uri.rpartition("/")[2], "uri": uri}
    update = {"sessionUpdate": "agent_message_chunk", "content": content}
    turn.wire.notify("session/update", {"sessionId": turn.session.session_id, "update": update})


@implements("link")
def _link(turn: Turn, directive: Directive) -> None:
    link(turn, directive.text("uri"))


@implements("swap")
def _swap(turn: Turn, directive: Directive) -> None:
    place, done = Path("swapped.txt").absolute(), threading.Event()

    def swap() -> None:
        number = 0
        while not done.is_set():
            number += 1
            other = place.with_name(f"other-{number % 2}")
            other.unlink(missing_ok=True)
            if number % 2:
                other.symlink_to(directive.text("uri"))
            else:
                other.write_text("ours")
            other.replace(place)

    place.write_text("ours")
    swapping = threading.Thread(target=swap)
    swapping.start()
    for _ in range(directive.whole("n")):
        link(turn, str(place))
        turn.wait(0.01)
    done.set()
    swapping.join()
    place.unlink()
    place.symlink_to(directive.text("uri"))
    link(turn, str(place))


if __name__ == "__main__":
    main()

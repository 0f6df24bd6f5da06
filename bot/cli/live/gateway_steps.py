"""Step 7: sessions at the gateway, and what they cost."""

from typing import Final

from bot.cli.texts import live as texts

from .gateway_wire import CLEAN, RECONNECT
from .trial import Trial

IDENTIFY_SECONDS: Final = 5.5
"""The time between two identifies; Discord allows one in 5 s."""

IDENTIFIES: Final = 2


async def sessions(trial: Trial) -> None:
    """Resume a broken session, and begin another one after a closed one. The connection stays for the next step."""
    gateway, before = trial.gateway, await _left(trial)
    await trial.clock.sleep(IDENTIFY_SECONDS)
    await gateway.connect(trial.gateway_url)
    _expect(trial, texts.IDENTIFY, "READY", await gateway.identify())
    await gateway.close(RECONNECT)
    await gateway.connect()
    _expect(trial, texts.RESUME_BROKEN, "RESUMED", await gateway.resume())
    await gateway.close(CLEAN)
    await gateway.connect()
    resumed = await gateway.resume()
    _expect(trial, texts.RESUME_CLOSED, "INVALID_SESSION", resumed)
    if resumed == "RESUMED":
        await gateway.close(RECONNECT)
        await gateway.connect(trial.gateway_url)
    await trial.clock.sleep(IDENTIFY_SECONDS)
    _expect(trial, texts.IDENTIFY_AGAIN, "READY", await gateway.identify())
    spent = before - await _left(trial)
    trial.findings.expect(texts.COUNTED, str(IDENTIFIES), str(spent), holds=spent == IDENTIFIES)


async def _left(trial: Trial) -> int:
    answer = await trial.rest.call("GET", "/gateway/bot")
    return int(answer.body["session_start_limit"]["remaining"])


def _expect(trial: Trial, subject: str, expected: str, seen: str) -> None:
    trial.findings.expect(subject, expected, seen, holds=seen == expected)

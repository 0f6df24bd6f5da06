"""People log in to agents from Discord: what they see alone, and what their thread sees.

The agent names a page, and perhaps a code. Both go only to the person who logs in: not into the thread,
not into the log. What the agent needs to know, it learns from the page; a key or a password is never asked for here.
"""

import time

import aiohttp
import discord
import structlog

from acp import AcpError, Agent
from bot.access.audit import AuditAction
from bot.access.throttle import Throttle
from bot.agents.login import LoginFailed, LoginPage, NoPageLogin, log_in_by_page, page_method
from bot.interactions.bot_client import Interaction
from bot.interactions.login_button import cancel_view, page_view
from bot.text.markdown import escape
from bot.user_messages import agent_errors
from bot.user_messages import logins as texts
from pool.logins import LOGIN_SECONDS, GivenUp, LoginBusy, LoginGivenUp
from pool.pool import Pool

from .exchange_context import ExchangeContext

AGAIN_SECONDS = 60.0
"""How long until a person may begin another login: each one starts a process."""

READ = 20_000
"""Characters that are read of what an agent says about its page. Secrets are removed before the text is cut to what the
person sees."""

GIVEN_UP = {GivenUp.TIME: texts.TIME_OVER, GivenUp.PERSON: texts.CANCELLED, GivenUp.SHUTDOWN: texts.STOPPED}
"""What the person sees of a login without a result."""

log = structlog.stdlib.get_logger("bot")


class AgentLogins:
    """The logins in progress."""

    def __init__(self, pool: Pool, context: ExchangeContext) -> None:
        """`pool` runs the processes in which people log in."""
        self._pool = pool
        self._context = context
        self._begun = Throttle(AGAIN_SECONDS)
        self._by: dict[str, int] = {}
        """Who is logging in, by the agent's name."""

    async def begin(self, interaction: Interaction, thread_id: int) -> None:
        """Let an admitted person log in to a thread's agent; return when that is over, see `LOGIN_SECONDS`."""
        context, by = self._context, interaction.user.id
        name, title = context.agents.name(thread_id), context.title(thread_id)
        answer = interaction.response.send_message
        if not context.agents.of(thread_id).may_have_page_login:
            await answer(texts.not_from_here(title, name), ephemeral=True)
        elif name in self._by:
            await answer(texts.busy(self._by[name]), view=cancel_view(name), ephemeral=True)
        elif not self._begun.allows(by):
            await answer(texts.TOO_SOON, ephemeral=True)
        else:
            self._by[name] = by
            try:
                await answer(texts.starting(title), view=cancel_view(name), ephemeral=True)
                await _edit(interaction, await self._log_in(interaction, thread_id, name), None)
            finally:
                del self._by[name]

    def cancel(self, interaction: Interaction, agent: str) -> bool:
        """Cancel the login to an agent for an admitted person; return whether there is one."""
        found = self._pool.logins.cancel(agent)
        if found:
            self._record(interaction, "stopped", f"login to agent {agent}")
        return found

    async def _log_in(self, interaction: Interaction, thread_id: int, name: str) -> str:
        """Log in; return what the person sees of the result."""
        context, title = self._context, self._context.title(thread_id)
        agent, until = context.agents.of(thread_id), int(time.time() + LOGIN_SECONDS)

        async def show(page: LoginPage) -> bool:
            message = context.redact(page.message[:READ])
            shown = texts.page(title, page.host, page.url, message, until)
            return await _edit(interaction, shown, page_view(name, page.host, page.url))

        async def work(running: Agent) -> None:
            method = page_method(agent, running.auth_methods)
            self._record(interaction, "started", f"login to agent {name} by {method.id}")
            await log_in_by_page(running, method.id, show)

        try:
            await self._pool.logins.log_in(context.agents.settings(thread_id), self._pool.place_of(thread_id), work)
        except LoginBusy:
            return texts.ENDING
        except (LoginFailed, LoginGivenUp, AcpError) as error:
            # Without the error's text: an agent may repeat its page or its code there.
            log.info("a login failed", agent=name, user_id=interaction.user.id, kind=type(error).__name__)
            return self._failure(error, title, name)
        self._record(interaction, "changed", f"logged in to agent {name}")
        log.info("logged in by a person", agent=name, user_id=interaction.user.id)
        context.tell(thread_id, texts.logged_in(interaction.user.id, title))
        return texts.done(title)

    def _failure(self, error: LoginFailed | LoginGivenUp | AcpError, title: str, name: str) -> str:
        match error:
            case LoginGivenUp(why=why):
                return GIVEN_UP[why]
            case NoPageLogin():
                return texts.not_from_here(title, name)
            case LoginFailed():
                return texts.failed(escape(str(error)), name)
            case AcpError():
                return texts.failed(agent_errors.one_line(error, redact=self._context.redact), name)

    def _record(self, interaction: Interaction, action: AuditAction, what: str) -> None:
        self._context.audit.record(action, what, user_id=interaction.user.id, thread_id=interaction.channel_id)


async def _edit(interaction: Interaction, content: str, view: discord.ui.View | None) -> bool:
    """Change what only the person sees; return whether that succeeded."""
    try:
        await interaction.edit_original_response(content=content, view=view)
    except (discord.HTTPException, aiohttp.ClientError, OSError) as error:
        log.info("a login could not be shown", kind=type(error).__name__)
        return False
    return True

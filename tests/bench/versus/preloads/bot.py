"""A bot on discord.py as anyone writes it: it knows no address, and greets who greets it."""

import sys

import discord


class Bot(discord.Client):
    async def on_message(self, message: discord.Message) -> None:
        if not message.author.bot:
            await message.channel.send(f"heard {message.content}")


def main() -> None:
    """Run the bot until a signal."""
    intents = discord.Intents.default()
    intents.message_content = True
    Bot(intents=intents).run(sys.argv[1])


if __name__ == "__main__":
    main()

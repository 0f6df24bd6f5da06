"""`python -m bench versus`: plays the same scenes with any Discord bot on loopback, and prints what each one did.

A bot is a command. An adapter (`bench.versus.adapter`) writes the bot's configuration and names its command. A scene
(`bench.versus.scene`) talks to the bot as a person in Discord, does something to it, and judges by the text that a
scripted agent (`bench.versus.agent`) has in the bot's messages. Scenes know no bot's own words.
"""

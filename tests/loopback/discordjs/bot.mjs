// A small discord.js bot that tells, one JSON line each, what it lives through. Arguments: endpoint, token.
// It ends when its standard input does.
import { Client, Events, GatewayIntentBits, SlashCommandBuilder } from "discord.js";

const [endpoint, token] = process.argv.slice(2);
const tell = (event, facts = {}) => process.stdout.write(JSON.stringify({ event, ...facts }) + "\n");

const client = new Client({
  intents: [GatewayIntentBits.Guilds, GatewayIntentBits.GuildMessages, GatewayIntentBits.MessageContent],
  rest: { api: `${endpoint}/api`, retries: 0 },
});

client.once(Events.ClientReady, async () => {
  await client.application.commands.set([
    new SlashCommandBuilder()
      .setName("ping")
      .setDescription("Answer")
      .addStringOption((option) => option.setName("text").setDescription("What to say").setRequired(true)),
  ]);
  tell("ready", { user: client.user.id, guilds: client.guilds.cache.size });
});

client.on(Events.InteractionCreate, async (interaction) => {
  if (!interaction.isChatInputCommand()) return;
  await interaction.deferReply();
  await interaction.editReply(`pong ${interaction.options.getString("text")}`);
  tell("answered");
});

client.on(Events.MessageCreate, async (message) => {
  if (message.author.id === client.user.id || message.system) return;
  tell("heard", { content: message.content });
  if (message.content !== "edit") return;
  const sent = await message.reply("one");
  await sent.edit("two");
  const thread = await message.startThread({ name: "talk" });
  await thread.send("in the thread");
  await message.react("👀");
});

client.on(Events.ShardResume, () => tell("resumed"));
client.on(Events.Error, (error) => tell("error", { message: String(error) }));

process.stdin.resume();
process.stdin.on("end", async () => {
  await client.destroy();
  process.exit(0);
});

await client.login(token);

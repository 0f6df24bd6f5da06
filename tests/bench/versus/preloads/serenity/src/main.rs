//! A bot on serenity as anyone writes it: it knows no address, and greets who greets it. Argument: its token.

use serenity::all::{Client, Context, EventHandler, GatewayIntents, Message};
use serenity::async_trait;

struct Greeter;

#[async_trait]
impl EventHandler for Greeter {
    async fn message(&self, context: Context, message: Message) {
        if !message.author.bot {
            let answer = format!("heard {}", message.content);
            message.channel_id.say(&context.http, answer).await.expect("an answer");
        }
    }
}

#[tokio::main]
async fn main() {
    let token = std::env::args().nth(1).expect("a token");
    let intents = GatewayIntents::GUILDS | GatewayIntents::GUILD_MESSAGES | GatewayIntents::MESSAGE_CONTENT;
    let mut client = Client::builder(token, intents).event_handler(Greeter).await.expect("a client");
    client.start().await.expect("a connection");
}

"""`threadline check --live`: tries on the real Discord what the bot relies on, and removes all that it has made."""

"""Every call of Discord's REST API: scheduled within its rate limits, retried, and held back during an outage."""

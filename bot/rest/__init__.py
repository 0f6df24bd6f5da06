"""Every call of Discord's REST API: paced, retried, and held back while Discord is away."""

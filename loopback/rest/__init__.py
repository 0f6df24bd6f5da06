"""The REST API: routing, rate limits, the log of calls."""

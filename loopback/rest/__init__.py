"""The REST API: routing, rate limits, the record of calls."""

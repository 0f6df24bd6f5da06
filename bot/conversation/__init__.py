"""One request and its reply: the exchange, and what exchanges share."""

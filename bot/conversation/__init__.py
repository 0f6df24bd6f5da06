"""One request and its reply: the exchange, and the services that exchanges share."""

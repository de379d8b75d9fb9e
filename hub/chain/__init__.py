"""The chain client: contracts by name, orders and keys, sending, deploying, following. Plain JSON-RPC, any engine."""

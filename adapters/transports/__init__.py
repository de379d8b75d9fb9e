"""How an adapter reaches a registry: REST, files, SQL. Transports know nothing of any registry."""

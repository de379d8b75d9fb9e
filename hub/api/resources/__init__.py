"""One file a resource: its models, its filters, its endpoints."""

"""Personal scenario records: pulled from platforms into a store of the city's own, which nobody else reads."""

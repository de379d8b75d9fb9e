"""The index: raw logs off the chain, projections from the raw logs, one cursor, all in one transaction."""

"""Readers of what public programmes publish: one file a programme, one canonical model."""

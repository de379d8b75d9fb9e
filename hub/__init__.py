"""The recognition hub: one chain client, one index, one API, one command line."""

__version__ = "0.1.0"

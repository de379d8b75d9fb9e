"""Stateful sandbox registries: what a city's own registry looks like from outside.

Each is a process of its own with a database of its own. Nothing of the hub is imported here, and adapters
reach a sandbox over its transport alone (README.md is the wire manual).
"""

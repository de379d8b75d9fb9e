"""Databases: one engine, the tables, their migrations."""

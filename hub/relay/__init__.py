"""Relaying: persons' signed orders, checked, kept, and sent by a key that has no role."""

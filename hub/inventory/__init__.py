"""Yearly home inventories: what became of a member's reductions, and what it holds; to the kilogram, from the chain."""

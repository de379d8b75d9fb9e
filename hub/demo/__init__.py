"""The demo: four cities, a chain of their own, a story that is real at every step. All its data are illustrative."""

"""The demo: four cities on a chain of their own, and a story that is real at every step. All its data are illustrative."""

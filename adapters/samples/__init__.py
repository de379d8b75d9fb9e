"""The small registries that a new adapter is tried on, by the adapter's own form. Of our own making, illustrative."""

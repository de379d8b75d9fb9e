"""`make bench`: gas a record, records a second and memory, each beside the yardstick that bounds it, in one run."""

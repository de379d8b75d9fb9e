"""Sync: what every adapter has in common. It runs at the city, with the city's keys and a database of its own.

    read -> inbox -> decide -> outbox -> submit -> chain -> confirm
                                                     |
    registry <- push <- effects <- what happened ----+

At least once on every leg, idempotent at every receiver, so that each effect happens exactly once; each step
restarts from
what the journal says.
"""

"""What the delta's city registries have in common once their own words are read.

A city's mapping reads its native fields into `records`; `canonical` turns those into the hub's canonical records, and
`telling` turns the hub's effects into what such a registry books. How a field is called and written stays in each
city's own folder.
"""

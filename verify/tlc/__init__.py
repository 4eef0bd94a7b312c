"""TLC, the model checker of TLA+: where it is, how it is run, and what its answers show.

Nothing here knows what is checked: modules go in as files, answers come out in TLC's own words and values.
"""

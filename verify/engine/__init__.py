"""Finders: what looks for bad states and for invariants. Nothing here is believed without a judge."""

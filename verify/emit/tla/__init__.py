"""Systems as TLA+ modules, for TLC and for people who read TLA+."""

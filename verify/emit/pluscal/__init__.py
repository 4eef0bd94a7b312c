"""Systems as flat PlusCal in the C-syntax: one process, a label for each place in the code, no procedures."""

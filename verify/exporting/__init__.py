"""A system of a file, with the claims about it, in the languages of other tools."""

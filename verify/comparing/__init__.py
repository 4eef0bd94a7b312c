"""Two versions of a program compared: their claims, their text, and what each of them can do that the other cannot."""

"""Generated Python: text from the numbers and the structure of the IR, and the one place where it becomes code."""

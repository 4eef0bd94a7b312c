"""Inductive invariants for any number of tasks: view abstraction with one thread and one object to a view."""

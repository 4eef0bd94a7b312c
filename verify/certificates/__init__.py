"""Proofs for any number of tasks as files, and the check of such a file by code that found none of it."""

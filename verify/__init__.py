"""Prove or refute locking and security patches written in `.kc`."""

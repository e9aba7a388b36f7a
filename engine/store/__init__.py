"""Keeps runs: the SQLModel store and the one in memory."""

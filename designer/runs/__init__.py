"""Runs as the window sees them: the engine behind signals, the run shown, words for events.

Nothing of the document is known here, and of the engine only its facade, its events, its
commands and the view of a run.
"""

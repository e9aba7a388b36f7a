"""Where attempts run: inline, in a thread, in a process."""

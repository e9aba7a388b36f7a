"""The open document: its snapshot, undo, selection, clipboard, file and recovery."""

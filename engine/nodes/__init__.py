"""The built-in node types, one file each."""

"""What is drawn: the immutable document, node types, changes, validation, plan."""

"""What is drawn in the scene: one graphics item a node, wire, frame, note and zone."""

"""The docks around the canvas: one file or family of files each, none knows the canvas."""

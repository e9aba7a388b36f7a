"""The gestures: one class for each, from press to release or Escape."""

"""Small widgets of our own that know the theme and nothing of workflows."""

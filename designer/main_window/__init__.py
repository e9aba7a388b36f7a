"""The window: docks, tabs, menus, and the controllers that join documents with runs."""

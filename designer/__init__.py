"""The Qt program: canvas, panels and dialogs around the engine.

It talks to the engine through the engine's model, facade, events and commands only.
Importing this package imports no Qt.
"""

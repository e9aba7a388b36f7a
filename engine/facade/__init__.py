"""The parts of the facade: `engine.app.Engine` is their sum."""

"""The workflow engine: runs headless, imports no Qt."""

__version__ = "0.1.0"

"""The workflow engine: runs headless, imports no Qt."""

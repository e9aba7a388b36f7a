"""Upgrades of documents that an earlier release wrote: one module per format."""

"""Where the news of runs go: streams for those who iterate, sinks for files and telemetry."""

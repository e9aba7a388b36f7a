"""Moves state forward: the pure superstep, the run loop, its ports."""

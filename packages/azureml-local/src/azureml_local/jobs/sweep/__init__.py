"""Sweep jobs: trials of a command with values that are sampled from a search space."""

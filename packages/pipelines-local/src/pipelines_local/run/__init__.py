"""Execution of a pipeline: scheduling, folders, variables, steps."""

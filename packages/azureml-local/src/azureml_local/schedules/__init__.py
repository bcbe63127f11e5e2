"""Schedules of jobs: when they are due, and what starts them."""

"""Schedules: triggers, and the clock that submits the jobs of due schedules."""

"""Schedules of reassessments: their rules, and the times at which they run."""

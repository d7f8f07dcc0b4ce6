"""Schedules of re-assessments: their rules and the times they give."""

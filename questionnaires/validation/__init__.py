"""Validate a sheet: headers matched to questions, answers typed, rules applied."""

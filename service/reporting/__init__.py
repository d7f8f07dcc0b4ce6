"""Assessments in the words of reports, for ourselves and for a supplier."""

"""Campaigns: one questionnaire for many suppliers at once, from the preview to the last reminder."""

"""Questionnaires that were sent to suppliers, and their return."""

"""Questionnaires on their way: sent to suppliers, and returned by them."""

"""Asking suppliers and assessing them again when that is due."""

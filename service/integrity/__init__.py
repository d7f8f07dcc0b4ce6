"""Checking an installation: whether database, file store and audit trail agree, and repairing what is safe to repair."""

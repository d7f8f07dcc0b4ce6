"""Remediation: what workers are owed back for recruitment fees."""

"""Interpret case records with the published rules."""

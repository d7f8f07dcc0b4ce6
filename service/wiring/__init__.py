"""Puts the parts together: here, and nowhere below, it is known which job is done by which use case."""

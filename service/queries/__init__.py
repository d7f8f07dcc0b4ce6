"""Queries for the pages and the API, computed from stored data."""

"""Watchlists: import lists, screen suppliers against them, and decide on matches."""

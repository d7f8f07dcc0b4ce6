"""Watchlists: lists that come in, suppliers that are screened against them, matches that people decide on."""

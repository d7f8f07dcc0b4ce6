"""Find the watchlist entries that may refer to a supplier."""

"""Which entries of a watchlist a supplier may be."""

"""Store and evaluate the buyer's own practices."""

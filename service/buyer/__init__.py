"""The buyer's own practices."""

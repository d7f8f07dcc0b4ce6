"""Compute scores, minimum-score rules and robustness from frames of input arrays."""

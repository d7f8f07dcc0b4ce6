"""The scoring engine: frames in, scores, minimum-score rules and robustness out."""

"""From answers to scores with their reasons, written down so that they can be worked out again."""

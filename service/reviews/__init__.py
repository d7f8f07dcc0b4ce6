"""Re-assess suppliers when they are due."""

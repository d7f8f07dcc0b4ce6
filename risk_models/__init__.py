"""What is risky, why, and what to do: answers and facts in, explained scores and a plan out. Knows no web, no database."""

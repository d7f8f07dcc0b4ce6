"""Files on their way in: which of their rows tell of which supplier, and what is said of them."""

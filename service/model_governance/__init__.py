"""Check, compare and cover models before they are released."""

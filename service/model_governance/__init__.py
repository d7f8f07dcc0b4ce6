"""Check and compare models before they are released, and find which published indicators they cover."""

"""Import files: read their rows, preview them, and save the suppliers once the import is confirmed."""

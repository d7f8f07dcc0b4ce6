"""Import files: rows in, a preview, and suppliers out once confirmed."""

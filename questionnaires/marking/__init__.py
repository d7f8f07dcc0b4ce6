"""Give the sender their own workbook back with its problems marked, and recognise these marks when the file returns."""

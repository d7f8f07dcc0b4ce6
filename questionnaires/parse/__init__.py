"""Parse the text of one cell: types, numbers, dates and evidence."""

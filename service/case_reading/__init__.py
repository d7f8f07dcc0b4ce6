"""Read case records by the published rules. Pure: no database, no web."""

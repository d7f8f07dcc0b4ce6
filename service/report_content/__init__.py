"""Turn assessments into the content of reports. Pure: no database, no web."""

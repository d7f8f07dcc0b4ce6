"""The action plan as a workbook: a row per supplier and step, to be filled in, sent back, previewed and saved."""

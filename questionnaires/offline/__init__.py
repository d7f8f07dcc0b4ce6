"""Forms that are filled in without a connection: XLSForm, a workbook with a row per question, and what comes back from them."""

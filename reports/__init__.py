"""How an assessment looks: `document.Report` (plain data) in, bytes out. Pure: no clock, no network, no database."""

"""Turn an assessment (a `document.Report`, plain data) into files for readers, without a clock, a network or a database."""

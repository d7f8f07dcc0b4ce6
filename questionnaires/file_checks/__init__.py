"""The security checks a file passes before and while it is read.

:func:`preflight.check_file` looks at name, size and type and parses nothing. In the sandboxed reader process, ``xlsx``, ``ods``
and ``xls`` then examine every part of a workbook, refuse what no spreadsheet program writes or what would be too large, and
return the flags of its cells (errors, formulas, number formats) that the reading library does not report.
"""

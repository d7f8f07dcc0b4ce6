"""The questionnaires, and the code that turns a sheet into answers. It is pure: it takes bytes and returns values.

A sheet passes through ``sheet.read_sheets`` (verbatim cells), ``validation.match`` (``find_header_row``, ``detect_kind`` and
``match_columns``: which column answers which question) and ``validation.validate.validate_sheet`` (typed answers and issues).
``form.load_form`` loads a form; ``form.build_answers_schema`` checks an API's answers with the same fields;
``workbook.build_template`` builds a workbook to fill in.
"""

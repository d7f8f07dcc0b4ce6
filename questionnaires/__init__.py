"""What we ask, and how a sheet becomes answers. Pure: bytes in, values out.

The way of a sheet: ``sheet.read`` (cells as they stand), ``match.find_header``, ``find_kind`` and ``match`` (which
column answers which question), ``validate.validate`` (typed answers and issues). ``form.load`` reads a form;
``form.schema`` checks an API's answers with the same fields; ``workbook.template`` makes a workbook to fill in.
"""

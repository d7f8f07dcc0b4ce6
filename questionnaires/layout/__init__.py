"""Lay out the sheets of a file before their columns are mapped: which tables they hold, and what each of their rows is.

``document``: what was found and decided, as values and as JSON. ``find``: find it in a sheet; ``headers``, ``rows``,
``sections``: one kind of finding each. ``apply``: make a sheet with one header row and plain rows of a table. ``report``: the
issues of that.
"""

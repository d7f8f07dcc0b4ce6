"""Erasing a supplier, an agency, a case record or an import: from rows, replies, reports, uploads, jobs, and the files of the
database.

``places.py`` lists every table and what erasing does to it. ``traces.py`` removes what is said about a subject outside its own
rows; ``erase.py`` and ``imports.py`` do that and delete those rows, in one transaction. ``files.py`` then removes the bytes, in
a job that is resumed until it is done. ``backups.py`` says which backups still hold what is erased.
"""

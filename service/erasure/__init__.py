"""Erasing a supplier, an agency, a case record, an import or an organisation: from rows, replies, reports, uploads, jobs, and the
files of the database.

``places.py`` lists every table and what erasing does to it. ``traces.py`` removes what is said about a subject outside its own
rows; ``erase.py`` and ``imports.py`` do that and delete those rows, in one transaction. ``completion.py`` then removes the bytes,
in a job that is resumed until it is done; ``organisation.py`` is such a job as a whole. ``record.py`` keeps what was erased in a
journal outside the database, for backups that are restored, and ``backups.py`` says which of them still hold it.
"""

"""Erasing a supplier, an agency or a case record: from rows, replies, reports, uploads, jobs, and the files of the database.

``places.py`` lists every table and what erasing does to it. ``traces.py`` removes what is said about a subject outside its own
rows, and ``erase.py`` does that and deletes those rows, in one transaction. ``files.py`` then removes the bytes, in a job that
is resumed until it is done.
"""

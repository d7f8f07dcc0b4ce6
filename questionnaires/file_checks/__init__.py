"""What a file goes through before it is read: the door (its name, size and kind) and, in the process that reads, the gate.

``door.check_door`` parses nothing. ``ooxml``, ``opendocument`` and ``biff`` look at every part of a workbook, refuse what no
spreadsheet program writes or what would be too much, and tell of the cells what the reader behind does not.
"""

"""Background jobs: each job is a row that any running worker can claim; it is resumed where it stopped and takes effect
once.
"""

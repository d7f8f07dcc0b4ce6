"""The worker notice: one page in plain words with workers' rights, money that is repaid, and who can help."""

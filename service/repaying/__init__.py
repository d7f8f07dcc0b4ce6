"""The repayment calculator: cohorts in, what they are owed out."""

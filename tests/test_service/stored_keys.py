"""The secret keys of the databases and file stores of tests, also for the processes that tests kill."""

SECRET_KEYS = (b"the secret key of these databases",)

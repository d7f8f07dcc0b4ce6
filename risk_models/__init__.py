"""Turn answers and facts into explained scores and a plan, without a database or a web server."""

"""Authentication and authorisation: passwords, sign-ins, API keys, and the file that lists every route (access.toml)."""

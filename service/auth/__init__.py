"""Who calls and what they may: passwords, sign-ins, keys, and the one file that lists every route (access.toml)."""

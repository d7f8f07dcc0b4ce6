"""Case records: read, kept, and what they say of the sites and agencies they are about."""

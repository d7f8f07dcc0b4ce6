"""Find pairs of suppliers that may be the same, and keep what people decide about them."""

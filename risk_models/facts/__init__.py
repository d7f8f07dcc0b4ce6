"""Facts about countries, sectors, goods and corridors, their releases, and the inherent risk they make."""

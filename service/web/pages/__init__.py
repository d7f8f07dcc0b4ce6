"""Pages over the use cases: each reads what was asked, calls a use case, and shows what came of it."""

"""Pages over the use cases: each view parses the request, calls a use case and renders the result."""

"""Views of the pages: each one parses the request, calls a use case and renders the result."""

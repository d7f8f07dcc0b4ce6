"""Serve the pages of the web interface: rendered on the server, usable by keyboard, and without inline code."""

"""Pages for people: server-rendered, usable by keyboard, without inline code."""

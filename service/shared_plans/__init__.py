"""The plan that is shared with a supplier through a link: what it sees, and what it may send. It sees nothing from workers."""

"""Puts the service together: the application, its processes, job handlers and the scheduler."""

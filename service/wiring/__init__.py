"""Wiring of the service: the application, its processes, job handlers and the scheduler."""

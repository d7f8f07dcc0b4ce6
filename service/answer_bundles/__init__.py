"""Answers that a supplier takes to another buyer: a signed file of what it sent, and importing one from another installation."""

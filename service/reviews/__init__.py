"""Reassess suppliers when their reviews are due."""

"""Reviewing what suppliers answered: what speaks against an answer, accepting it or asking it back."""

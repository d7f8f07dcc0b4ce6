"""Worker voice: the statements that workers say are true or not, and which figures about their answers may be published.

``<version>.toml`` are the statements with everything that workers read; ``translations/`` the same in other languages;
``publication.toml`` the rules of what is published.
"""

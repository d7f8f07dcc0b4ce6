"""The method as it stands: its models, facts and sources held against each other, and versions compared."""

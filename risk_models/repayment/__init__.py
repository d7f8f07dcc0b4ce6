"""Calculate what workers should be repaid for recruitment fees and related costs."""

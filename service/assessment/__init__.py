"""Assess suppliers and decide on onboarding. Pure: answers, models and facts in, results out."""

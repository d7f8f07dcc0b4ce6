"""Store suppliers and agencies: identify them, merge their rows, and save the results of their assessments."""

"""What workers are owed back for the fees and costs of their recruitment."""

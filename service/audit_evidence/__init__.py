"""The audit trail as evidence: checking its chains, signed checkpoints outside the database, and exports."""

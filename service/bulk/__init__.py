"""Assess more files than one process can hold, partition by partition, on several processes or machines."""

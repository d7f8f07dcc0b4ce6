"""Worker voice: surveys that workers answer without their employer, of which only counts are stored and few are published."""

"""Case records read by the published rules."""

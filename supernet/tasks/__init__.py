"""Tasks: losses and metrics."""

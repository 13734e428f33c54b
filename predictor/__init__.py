"""Predicts latencies from measured tables, each with an upper bound that can carry a limit."""

"""Latencies of any model, from a library of operators of its target."""

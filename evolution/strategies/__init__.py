"""Strategies: what proposes architectures and is told how they did."""

"""Latencies of whole networks by Gaussian processes, where measurements are few."""

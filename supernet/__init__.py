"""Accuracy: search spaces, weight-sharing networks, their training and their scores."""

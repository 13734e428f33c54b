"""Layers that run at any width, kernel and depth of a weight-sharing network."""

"""Kinds of jobs: their parameters, what they start from, and the commands that carry them out."""

"""Versions of the database, in order."""

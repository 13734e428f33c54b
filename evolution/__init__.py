"""Searches for the most accurate network within a measured budget, and hands it over."""

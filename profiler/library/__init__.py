"""Random networks of common families, measured inside which operators become a library."""

"""Search spaces by name; see `luts.spaces`."""

"""Devices on which nothing was measured by us: laws fitted to operators and networks elsewhere."""

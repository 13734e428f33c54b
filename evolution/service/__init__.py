"""The search service: a server with a leased queue, workers that own devices, a dashboard."""

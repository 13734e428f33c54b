"""Search spaces whose every network was trained: strategies are compared on them in seconds."""

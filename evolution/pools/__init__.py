"""Where architectures are scored: in this process, in several, or on a Ray cluster."""

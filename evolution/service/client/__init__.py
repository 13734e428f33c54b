"""The client's side of the interface."""

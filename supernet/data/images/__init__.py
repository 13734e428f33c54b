"""Labelled images: where they lie, how they are read, and what training sees of them."""

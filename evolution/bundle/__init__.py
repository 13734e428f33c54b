"""What is carried to a device: a model, what belongs to it, and a script that settles the truth."""

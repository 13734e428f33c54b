"""What is kept, for whom and for how long; what is not kept any longer goes."""

"""Files from outside, judged in a process of their own before they are kept."""

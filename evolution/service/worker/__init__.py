"""The worker: takes jobs for one device and carries them out as commands."""

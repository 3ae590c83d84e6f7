"""Attempts to break the service: scripts to run by hand. They end with a status other than 0 if it breaks."""

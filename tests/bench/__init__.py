"""Measurements: scripts to run by hand, not tests. They print ratios taken side by side in one run."""

"""The service: the only part that knows HTTP and JSON."""

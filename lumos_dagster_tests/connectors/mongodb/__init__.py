"""MongoDB against a real server."""

"""What deploy/ describes, run for real as far as it goes without an engine for containers."""

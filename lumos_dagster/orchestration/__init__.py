"""The only code that knows Dagster: a Plan becomes a graph job, and its ops do the work."""

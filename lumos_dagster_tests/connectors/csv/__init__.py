"""The CSV connector."""

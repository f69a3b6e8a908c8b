"""What starts jobs by itself."""

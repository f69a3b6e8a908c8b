"""The kill matrix: real loads in real processes, killed at chosen and random points, resumed, and compared."""

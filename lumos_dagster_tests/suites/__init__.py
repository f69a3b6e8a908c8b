"""Data that others wrote, or would write, through whole routes."""

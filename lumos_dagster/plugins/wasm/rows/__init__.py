"""Rows as they cross to a guest: JSON or Arrow IPC one way, typed columns the other."""

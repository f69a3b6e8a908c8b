"""Tests of the jdbc connector."""

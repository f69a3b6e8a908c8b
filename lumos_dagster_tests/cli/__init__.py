"""Tests of the `lumos` command."""

"""Tests of native plugins, compiled when they are needed."""

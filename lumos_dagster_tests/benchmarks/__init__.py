"""Tests of the benchmarks themselves: nothing is timed here."""

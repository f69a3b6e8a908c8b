"""Tests of the WebAssembly driver."""

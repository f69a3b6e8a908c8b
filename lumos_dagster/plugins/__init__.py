"""Plugins: extractors, transformers and loaders from outside, behind the same interface as the built-in ones."""

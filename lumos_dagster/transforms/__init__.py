"""Transformers: what is done to rows between the extractor and the loader, one file or folder each."""

"""The conformance suite, tried on connectors that are wrong on purpose."""

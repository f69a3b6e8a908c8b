"""YAML text to JobFile: three shapes, one model, every mistake with its place."""

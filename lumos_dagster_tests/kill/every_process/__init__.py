"""On PYTHONPATH of a run that is to die: Python reads `sitecustomize` here at the start of each process."""

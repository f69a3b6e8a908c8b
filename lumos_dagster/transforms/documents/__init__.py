"""JSON documents, whole columns of them at a time: no object of Python is made of a value."""

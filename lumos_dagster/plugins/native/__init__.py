"""The driver of native plugins: shared libraries in C or whatever speaks its ABI, each in a process of its own."""

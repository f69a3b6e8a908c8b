"""The component in a project made with dg."""

"""How fast Lumos is, measured beside the databases' own tools and its peers."""

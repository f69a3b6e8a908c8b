"""The matrix of types, tried on live databases: source type, Arrow, and the target's type, value for value."""

"""The matrix of types, tried on live databases: source type, Arrow, and the target's type, value for value."""

WRITES = "LUMOS_WRITE_TYPES"
"""The environment variable by which the tests write docs/types.md in place of holding it against what they find."""

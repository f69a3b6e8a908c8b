"""Each connector against the real thing, and all of them against one suite."""

"""What the market is about, in the standard library alone."""

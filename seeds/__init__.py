"""Reference data and an invented demo market, loaded through services."""

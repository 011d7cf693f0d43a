"""The Flask application of Jiebang and its domain."""

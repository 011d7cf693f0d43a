"""Measurements beside peers, and the invented data that they need.

Nothing here is imported by the rest of the library.
"""

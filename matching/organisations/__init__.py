"""Find organisations by their names as people write them: misspelt, cut, shortened."""

from matching.organisations.index import Hit, NameIndex, Organisation, warm

__all__ = ["Hit", "NameIndex", "Organisation", "warm"]

"""What can go wrong in the matching library, each with a message for its reader."""


class MatchingError(Exception):
    """Anything that this library refuses on purpose."""


class InvalidPosting(MatchingError, ValueError):
    """A posting lacks its id or holds a value that cannot be matched."""


class UnknownWeights(MatchingError, ValueError):
    """The named version of the weights does not exist."""


class IndexCorrupt(MatchingError):
    """An index directory is incomplete or its contents do not fit its checksums."""


class IndexVersionMismatch(MatchingError):
    """An index was written by another format or another analyser of text."""

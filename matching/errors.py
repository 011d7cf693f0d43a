"""What can go wrong in the matching library, each with a message for its reader."""


class MatchingError(Exception):
    """Anything that this library refuses on purpose."""


class InvalidPosting(MatchingError, ValueError):
    """A posting lacks its id or holds a value that cannot be matched."""


class UnknownWeights(MatchingError, ValueError):
    """The named version of the weights does not exist."""


class InvalidWeights(MatchingError, ValueError):
    """A file of weights does not say what weights must say, or may not be written."""


class InvalidExamples(MatchingError, ValueError):
    """A file of graded pairs holds a line that is none."""


class IndexCorrupt(MatchingError):
    """An index directory is incomplete or its contents do not fit its checksums."""


class IndexVersionMismatch(MatchingError):
    """An index was written by another format or another analyser of text."""


class BatchError(MatchingError):
    """A ranking of many postings cannot begin or go on; what is done is kept."""


class JobDiffers(BatchError):
    """An output directory belongs to another job, or to something else."""


class Stopped(BatchError):
    """A ranking of many postings was stopped on demand and can go on later."""


class WorkersLost(BatchError):
    """Workers died again and again, or there are none."""


class SchedulerLost(BatchError):
    """A scheduler does not answer, or ended meanwhile."""


class VersionsDiffer(BatchError):
    """A worker runs other versions than the client; its results might differ."""

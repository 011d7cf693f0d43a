"""Rank a whole file of postings: on all cores, on a cluster, and after interruptions.

Beside the rest of the library this package keeps files and starts processes, and
`Cluster` speaks with other machines.
"""

from matching.batches.cluster import Cluster
from matching.batches.driver import CHUNK, match_all
from matching.batches.jobs import Folder, Job, Result
from matching.batches.local import Executor, Here, Processes, usable_cores
from matching.batches.questions import Question
from matching.batches.ranking import Task, rank_chunk

__all__ = [
    "CHUNK",
    "Cluster",
    "Executor",
    "Folder",
    "Here",
    "Job",
    "Processes",
    "Question",
    "Result",
    "Task",
    "match_all",
    "rank_chunk",
    "usable_cores",
]

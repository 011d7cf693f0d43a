"""Rank a whole file of postings by chunks, so that it can be stopped and resumed."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from threading import Event
from typing import Final

from matching.batches.jobs import Folder, Job, Result
from matching.batches.local import Executor, Processes
from matching.batches.questions import Chunk, chunks, survey
from matching.batches.ranking import Task
from matching.engine import VERSION, Matcher
from matching.errors import BatchError, Stopped
from matching.postings import Filter, Worth

CHUNK: Final = 100
"""Rows of a chunk: some seconds of work, so that stopping and losing cost little."""

Progress = Callable[[int, int], None]


def match_all(
    index: Path | str,
    needs: Path | str,
    out: Path | str,
    *,
    k: int = 10,
    where: Filter | None = None,
    worth: Worth | None = None,
    chunk: int = CHUNK,
    executor: Executor | None = None,
    progress: Progress | None = None,
    stop: Event | None = None,
) -> Result:
    """Rank the postings of an index for every posting of a file.

    Started again with the same arguments it goes on where it ended, however it ended.
    The result is the same to the byte whatever the executor, the number of its workers
    and the interruptions.

    Parameters
    ----------
    index : path
        A saved index.
    needs : path
        Postings as JSON lines, gzipped when the name ends in ``.gz``. A line may also
        hold ``exclude_org`` and ``exclude_ids``: what it alone is not to meet.
    out : path
        Directory for the result, ``matches.jsonl``; see `rank_chunk` for its lines.
    k : int, default=10
        How many matches at most for each.
    where : Filter, optional
    worth : Worth, optional
        Which matches are kept.
    chunk : int, default=100
        Rows of a chunk.
    executor : Executor, optional
        Where it is ranked: `Processes` on all cores by default, `Here`, or `Cluster`.
    progress : callable, optional
        Called with the number of rows that are done, and of all rows.
    stop : Event, optional
        Once it is set no further chunk is begun.

    Returns
    -------
    Result

    Raises
    ------
    FileNotFoundError
        When there is no index, or no file.
    IndexCorrupt, IndexVersionMismatch
        When the index cannot be used.
    InvalidPosting
        With file and line; nothing is ranked then.
    JobDiffers
        When `out` belongs to another job.
    Stopped
        When it was stopped before the end.
    WorkersLost, SchedulerLost, VersionsDiffer
        By the executor.
    ValueError
        When `k` or `chunk` is less than 1.
    """
    index, needs = Path(index).resolve(), Path(needs)
    if k < 1 or chunk < 1:
        raise ValueError(f"k and chunk must be at least 1, not {k} and {chunk}")
    with Folder(Path(out)).held() as folder:
        matcher = Matcher.open(index)
        task = Task(matcher.index_id, k, where or Filter(), worth)
        job = Job(task, survey(needs, chunk), VERSION, matcher.weights.version)
        del matcher
        folder.begin(job)
        if (result := folder.result()) is not None:
            return result
        missing = set(folder.missing(job))
        done = job.survey.rows - sum(map(job.survey.rows_of, missing))
        wanted = _wanted(needs, job, missing, stop or Event())
        with closing((executor or Processes()).run(index, task, wanted)) as answers:
            for number, rows in answers:
                if rows.count(b"\n") != job.survey.rows_of(number):
                    raise BatchError(f"the answer to chunk {number} is not whole")
                folder.keep(job, number, rows)
                missing.remove(number)
                done += job.survey.rows_of(number)
                if progress is not None:
                    progress(done, job.survey.rows)
        if missing:
            raise Stopped(f"stopped: {done:,} of {job.survey.rows:,} needs are ranked")
        return folder.join(job)


def _wanted(needs: Path, job: Job, missing: set[int], stop: Event) -> Iterator[Chunk]:
    """Yield the missing chunks until it is to stop."""
    missing = set(missing)
    if not missing:
        return
    for chunk in chunks(needs, job.survey):
        if stop.is_set():
            return
        if chunk.number in missing:
            yield chunk

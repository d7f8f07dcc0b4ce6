"""Where the tasks of a bulk run are done: in this process, or by the workers of a Dask cluster."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from distributed import Client, LocalCluster, as_completed
from distributed.scheduler import KilledWorker

from service.bulk.tasks import RunRefused

Task = Callable[..., dict[str, Any]]


class Failure(NamedTuple):
    """A task that could not be done: what went wrong, without any text of the file."""

    reason: str


class Runner(Protocol):
    """Does tasks, and yields the result or the failure of each as it is done, with the position of its arguments."""

    def run(self, task: Task, jobs: Sequence[Sequence[Any]], *shared: Any) -> Iterator[tuple[int, Any | Failure]]:
        """Do a task once for each job; the arguments ``shared`` follow those of each job."""


class InProcess:
    """Does one task after the other in this process."""

    def run(self, task: Task, jobs: Sequence[Sequence[Any]], *shared: Any) -> Iterator[tuple[int, Any | Failure]]:
        """Do a task once for each job."""
        for position, job in enumerate(jobs):
            try:
                outcome: Any = task(*job, *shared)
            except Exception as error:  # noqa: BLE001  the other partitions go on, as they do on a cluster
                outcome = _describe(error)
            yield position, outcome


class OnCluster:
    """Has the workers of a cluster do the tasks. What they share is sent to each worker once."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def run(self, task: Task, jobs: Sequence[Sequence[Any]], *shared: Any) -> Iterator[tuple[int, Any | Failure]]:
        """Do a task once for each job. A job whose worker is killed is given to another; after four workers, it has failed."""
        # Submitted, not scattered: what was scattered is lost with the worker that holds it.
        sent = [self.client.submit(_hand_over, value, pure=False) for value in shared]
        futures = {self.client.submit(task, *job, *sent, pure=False): position for position, job in enumerate(jobs)}
        for future in as_completed(futures):
            error = future.exception()
            yield futures[future], future.result() if error is None else _describe(error)
            future.release()


@contextmanager
def open_runner(scheduler: str | None, workers: int, folder: Path) -> Iterator[Runner]:
    """Yield where tasks are done: by the workers of a scheduler, by processes of this machine or, for 0 workers, in this process.

    ``folder``: where workers of this machine may write temporary files. Raises OSError if the scheduler does not respond.
    """
    if scheduler is not None:
        with Client(scheduler) as client:
            yield OnCluster(client)
    elif workers == 0:
        yield InProcess()
    else:
        cluster = LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            dashboard_address="127.0.0.1:0",
            local_directory=str(folder),
            silence_logs=50,
        )
        with cluster, Client(cluster) as client:
            yield OnCluster(client)


def _hand_over(value: Any) -> Any:
    return value


def _describe(error: BaseException) -> Failure:
    """Return why a task failed. Raises RunRefused, which concerns the whole run."""
    if isinstance(error, RunRefused):
        raise error
    if isinstance(error, KilledWorker):
        return Failure("the processes working on it were killed")
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    return Failure(f"{type(error).__name__}{place}")

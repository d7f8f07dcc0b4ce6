"""Metrics for Prometheus at ``/metrics``: the requests of this process, and the jobs and loops of the installation.

They contain numbers and codes only, never the name of a supplier, a person or an organisation.
"""

from __future__ import annotations

from collections.abc import Iterator

from flask import Blueprint, Flask, Response, current_app
from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.registry import Collector

from service.auth.caller import get_database
from service.heartbeats import list_heartbeats
from service.jobs.lanes import measure_lanes
from service.outbox.messages import measure_oldest

pages = Blueprint("metrics", __name__)


class _StateOfInstallation(Collector):
    """Reads jobs and heartbeats from the database each time the metrics are asked for."""

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics. Raises what the database raises."""
        database = get_database()
        jobs = GaugeMetricFamily("diligence_jobs", "Jobs that are waiting or running.", labels=("lane", "state"))
        ages = GaugeMetricFamily(
            "diligence_oldest_job_age_seconds", "Age of the oldest job that is waiting or running.", labels=("lane",)
        )
        for lane in measure_lanes(database):
            jobs.add_metric((lane.lane, "queued"), lane.waiting)
            jobs.add_metric((lane.lane, "running"), lane.running)
            ages.add_metric((lane.lane,), lane.oldest_seconds)
        beats = GaugeMetricFamily(
            "diligence_heartbeat_timestamp_seconds",
            "When a loop last reported that it was running.",
            labels=("loop", "process"),
        )
        failures = GaugeMetricFamily(
            "diligence_loop_failures", "Failures of a loop since it started.", labels=("loop", "process")
        )
        for row in list_heartbeats(database):
            beats.add_metric((row.loop, row.process), row.at.timestamp())
            failures.add_metric((row.loop, row.process), row.failures)
        waiting = GaugeMetricFamily(
            "diligence_oldest_message_age_seconds",
            "Age of the oldest message waiting to be delivered.",
            labels=("kind",),
        )
        for kind, seconds in measure_oldest(database).items():
            waiting.add_metric((kind,), seconds)
        yield from (jobs, ages, beats, failures, waiting)

    def describe(self) -> Iterator[Metric]:
        """Yield nothing: the database is not asked before the first request."""
        return iter(())


def register(app: Flask) -> None:
    """Register the page, and count the responses of the application."""
    registry = CollectorRegistry()
    responses = Counter("diligence_responses", "Responses of this process.", ("status",), registry=registry)
    registry.register(_StateOfInstallation())
    app.extensions["metrics"] = registry
    app.register_blueprint(pages)

    @app.after_request
    def count(response: Response) -> Response:
        responses.labels(f"{response.status_code // 100}xx").inc()
        return response


@pages.get("/metrics")
def show() -> Response:
    """Return the metrics as text."""
    return Response(generate_latest(current_app.extensions["metrics"]), content_type=CONTENT_TYPE_PLAIN_0_0_4)

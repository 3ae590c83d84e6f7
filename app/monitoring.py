"""What the service counts and times, in Prometheus's terms."""

import asyncio
import os
import time
from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.schemas import CounterSample, FlowerPrediction
from app.serving import ServingModel
from app.shutdown import Shutdown
from model.features import FEATURES
from model.run import ENDED, Run

UNMATCHED = "unmatched"
_KNOWN_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_REQUEST_SECONDS = (0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_TRAINING_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
_CONFIDENCES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)


class Monitor:
    """The metrics of one service; in a service of several workers each adds to the same files."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call] # a second series for each that says when it began: nobody asks
        registry = CollectorRegistry()
        self._registry = registry
        self._requests = Counter(
            "iris_http_requests_total", "Requests answered.", ("method", "route", "status"), registry=registry
        )
        self._request_seconds = Histogram(
            "iris_http_request_duration_seconds",
            "Time from a request to the end of its answer.",
            ("method", "route"),
            buckets=_REQUEST_SECONDS,
            registry=registry,
        )
        self._request_series: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self._predictions = Counter("iris_predictions_total", "Flowers predicted.", ("species",), registry=registry)
        self._confidence = Histogram(
            "iris_prediction_confidence", "Largest score of a prediction.", buckets=_CONFIDENCES, registry=registry
        )
        self._out_of_range = Counter(
            "iris_out_of_range_total",
            "Measurements outside of what the model was trained on.",
            ("feature",),
            registry=registry,
        )
        self.model_load_failures = Counter(
            "iris_model_load_failures_total", "Models that were refused when they were to serve.", registry=registry
        )
        self._training_runs = Counter(
            "iris_training_runs_total", "Training runs ended.", ("status",), registry=registry
        )
        self._training_seconds = Histogram(
            "iris_training_duration_seconds",
            "Time from the start of a run to its end.",
            buckets=_TRAINING_SECONDS,
            registry=registry,
        )
        for feature in FEATURES:
            self._out_of_range.labels(feature)
        for status in ENDED:
            self._training_runs.labels(status.value)

    def expect_request(self, method: str, route: str, statuses: Iterable[int]) -> None:
        """Show the series of a route at zero before its first request."""
        for status in statuses:
            self._of_request(method, route, status)

    def expect_species(self, species: Iterable[str]) -> None:
        """Show the series of some species at zero before their first flower."""
        for name in species:
            self._predictions.labels(name)

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count and time one answer."""
        count, duration = self._of_request(method, route, status)
        count.inc()
        duration.observe(seconds)

    def prediction(self, prediction: FlowerPrediction) -> None:
        """Count what was predicted of one flower."""
        self._predictions.labels(prediction.species).inc()
        self._confidence.observe(prediction.confidence)
        for feature in prediction.out_of_range:
            self._out_of_range.labels(feature).inc()

    def _of_request(self, method: str, route: str, status: int) -> tuple[Counter, Histogram]:
        series = self._request_series.get((method, route, status))
        if series is None:  # kept, for looking them up by labels takes longer than counting
            series = self._requests.labels(method, route, str(status)), self._request_seconds.labels(method, route)
            self._request_series[method, route, status] = series
        return series

    def run_ended(self, run: Run) -> None:
        """Count and time one training run."""
        self._training_runs.labels(run.status.value).inc()
        if run.started_at and run.finished_at:
            self._training_seconds.observe((run.finished_at - run.started_at).total_seconds())

    def registry(self, model: ServingModel | None) -> CollectorRegistry:
        """Everything that a scrape shows: what all workers counted, and the model that serves."""
        scraped = CollectorRegistry()
        if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
            MultiProcessCollector(scraped)  # type: ignore[no-untyped-call]
        else:
            scraped.register(self._registry)
        scraped.register(_ModelCollector(model))
        return scraped

    def counters(self) -> dict[str, list[CounterSample]]:
        """Every counter by its name."""
        return {
            f"{metric.name}_total": [
                CounterSample(sample.labels, sample.value)
                for sample in metric.samples
                if sample.name.endswith("_total")
            ]
            for metric in self.registry(None).collect()
            if metric.type == "counter"
        }


class _ModelCollector(Collector):
    """The model that serves, told at every scrape: a gauge of the past would outlive its model."""

    def __init__(self, model: ServingModel | None) -> None:
        self._model = model

    def collect(self) -> Iterator[Metric]:
        """Version and accuracies; the series are empty while there is no model."""
        info = GaugeMetricFamily("iris_model_info", "1 for the model that serves.", labels=("version",))
        accuracy = GaugeMetricFamily("iris_model_accuracy", "Accuracy of the model that serves.", labels=("split",))
        if self._model:
            info.add_metric((self._model.version,), 1)
            evaluation = self._model.card.evaluation
            for part in ("training", "validation", "test"):
                accuracy.add_metric((part,), getattr(evaluation, part).accuracy)
        yield info
        yield accuracy


class MonitoringMiddleware:
    """Times every answer, under its route's template: what callers put into paths makes no new series.

    Answers of a service that is to stop are the last on their connections, so that nobody asks on one
    that is about to be closed.
    """

    def __init__(self, app: ASGIApp, monitor: Monitor, shutdown: Shutdown) -> None:
        self._app = app
        self._monitor = monitor
        self._shutdown = shutdown

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and measure it if it is HTTP."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        status = 500

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                if self._shutdown.begun:
                    message["headers"] = [*message.get("headers", ()), (b"connection", b"close")]
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except asyncio.CancelledError:
            if not self._shutdown.begun:
                raise  # else its time was up, as the server has said by then
        finally:
            route = getattr(scope.get("route"), "path", UNMATCHED)
            method = scope["method"] if scope["method"] in _KNOWN_METHODS else "other"
            self._monitor.request(method, route, status, time.perf_counter() - began)

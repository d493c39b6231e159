"""What is counted, for Prometheus."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from probrm.posterior import Rewards

ROUTES = (
    "/get_reward",
    "/classify",
    "/v1/classify",
    "/v1/embeddings",
    "/score",
    "/rank",
    "/healthz",
    "/readyz",
    "/metrics",
    "/openapi.json",
    "/",
)


class Meters:
    """Of one server; a registry of its own.

    Args:
        waiting: texts in the queue.
    """

    def __init__(self, waiting: Callable[[], int] = lambda: 0) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter("probrm_requests", "Requests.", ["route", "code"], registry=self._registry)
        self._seconds = Histogram("probrm_request_seconds", "From a request to its answer.", ["route"], registry=self._registry)
        self._texts = Counter("probrm_texts", "Answers scored.", registry=self._registry)
        self._batch = Histogram(
            "probrm_batch_texts", "Answers encoded together.", buckets=[1, 2, 4, 8, 16, 32, 64, 128, 256, 512], registry=self._registry
        )
        self._sd = Histogram(
            "probrm_reward_sd",
            "Posterior standard deviation of rewards, logits: where it grows, answers are unlike the data.",
            buckets=[0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 3, 5],
            registry=self._registry,
        )
        self._reward = Histogram(
            "probrm_reward", "Rewards, logits.", buckets=[-8, -4, -2, -1, -0.5, 0, 0.5, 1, 2, 4, 8], registry=self._registry
        )
        self._waiting = Gauge("probrm_waiting_texts", "Answers that wait to be encoded.", registry=self._registry)
        self._bytes = Gauge("probrm_held_bytes", "Bytes of the requests that are being answered.", registry=self._registry)
        self.waiting = waiting
        self.held = 0
        """Bytes of the requests that are being answered."""

    def request(self, path: str, status: int, seconds: float) -> None:
        """One is done; paths that do not exist are one route, however many are tried."""
        route = path if path in ROUTES else "other"
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def batch(self, texts: int) -> None:
        """So many were encoded together."""
        self._batch.observe(texts)
        self._texts.inc(texts)

    def rewards(self, found: Rewards) -> None:
        """These were given out."""
        for reward, sd in zip(found.reward.tolist(), found.reward_sd.tolist(), strict=True):
            self._reward.observe(reward)
            self._sd.observe(sd)

    def text(self) -> bytes:
        """In Prometheus' format."""
        self._waiting.set(self.waiting())
        self._bytes.set(self.held)
        return generate_latest(self._registry)

"""What Prometheus reads of the service."""

from collections.abc import Iterator
from datetime import UTC, datetime

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from strata_hub.refresh.refresher import Refresher


class RefreshCollector:
    """Reads the figures from the refresher when they are asked for."""

    def __init__(self, refresher: Refresher) -> None:
        self._refresher = refresher

    def collect(self) -> Iterator[Metric]:
        """Yield every figure."""
        now = datetime.now(UTC)
        age = GaugeMetricFamily("strata_list_age_seconds", "Age of the last complete list.", labels=["repository"])
        failing = GaugeMetricFamily("strata_repository_failing", "1 while lists fail.", labels=["repository"])
        tags = GaugeMetricFamily("strata_tags", "Tags of the last complete list.", labels=["repository"])
        known = GaugeMetricFamily("strata_images_examined", "Digests whose metadata are known.", labels=["repository"])
        moved = GaugeMetricFamily("strata_repushes", "Tags found to be pushed again.", labels=["repository"])
        listings = CounterMetricFamily("strata_listings", "Complete lists read.", labels=["repository"])
        asked = CounterMetricFamily("strata_references_asked", "Tags asked about.", labels=["repository", "outcome"])
        for refresh in self._refresher.unique():
            label, knowledge = [refresh.source.repository], refresh.knowledge
            if knowledge.listed_at is not None:
                age.add_metric(label, (now - knowledge.listed_at).total_seconds())
            failing.add_metric(label, float(knowledge.error is not None))
            tags.add_metric(label, len(knowledge.records))
            known.add_metric(label, len(knowledge.metadata))
            moved.add_metric(label, len(knowledge.repushes))
            listings.add_metric(label, refresh.counters.listings)
            asked.add_metric([*label, "answered"], refresh.counters.examined)
            asked.add_metric([*label, "failed"], refresh.counters.failures)
        yield from (age, failing, tags, known, moved, listings, asked)
        current = self._refresher.publisher.current
        if current is not None:
            shown = GaugeMetricFamily("strata_state_images", "Images of the published state.")
            shown.add_metric([], current.images)
            size = GaugeMetricFamily("strata_state_bytes", "Size of the published state.")
            size.add_metric([], current.size)
            yield from (shown, size)


def render(refresher: Refresher) -> bytes:
    """Return the figures in Prometheus' text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(RefreshCollector(refresher))
    return generate_latest(registry)

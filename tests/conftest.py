"""For every test: a property is about values; how long an example takes on a busy machine says nothing."""

from hypothesis import HealthCheck, settings

settings.register_profile("strata", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.load_profile("strata")

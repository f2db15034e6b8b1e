"""How property tests run: as many examples as ever, and no verdict on how fast a busy machine is."""

from hypothesis import HealthCheck, settings

settings.register_profile("academy", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("academy")

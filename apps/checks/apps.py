import gc

from django.apps import AppConfig

# Objects that stay, between two looks for cycles among them. A worker keeps the plans of tens of thousands of monitors:
# with Python's 700, looking through all of them again and again took a tenth of its time.
COLLECT_EVERY = 20_000


class ChecksConfig(AppConfig):
    name = "apps.checks"

    def ready(self) -> None:
        gc.set_threshold(COLLECT_EVERY)

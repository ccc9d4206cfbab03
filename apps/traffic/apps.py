from django.apps import AppConfig


class TrafficConfig(AppConfig):
    name = "apps.traffic"

    def ready(self) -> None:
        """Have every row of a node pass by when it is sealed."""
        from apps.metrics.seal import follow_sealing
        from apps.traffic.advance import advance

        follow_sealing(advance)

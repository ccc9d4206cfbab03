from tests.apps.pipeline.conftest import device, heartbeat, project

__all__ = ["device", "heartbeat", "project"]

import pytest

from dashmon.logs import without_secrets


@pytest.mark.parametrize(
    ("line", "logged"),
    [
        ("Bad Request: /api/incoming/heartbeat/hb_secret/start", "Bad Request: /api/incoming/heartbeat/***/start"),
        ("Not Found: /ping/hb_secret", "Not Found: /ping/***"),
        ("Not Found: /first-run/abc", "Not Found: /first-run/***"),
        ("Gone: /accounts/invitation?token=inv_x&next=/app/", "Gone: /accounts/invitation?token=***&next=/app/"),
        ("Not Found: /api/devices/7", "Not Found: /api/devices/7"),
    ],
)
def test_a_line_tells_the_path_and_never_the_secret_in_it(line: str, logged: str) -> None:
    assert without_secrets(None, "warning", {"event": line})["event"] == logged

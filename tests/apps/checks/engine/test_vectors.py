"""dashmon_assertions.json through the product: a served answer, a saved document, the engine's own verdict."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from apps.checks.plans import plan_for_draft
from apps.devices import synthetic
from tests.apps.checks.engine.conftest import MakeEngine, drain

Case = dict[str, Any]
# Cases about what was said; those about how long it took or how it broke are the farm's.
SAID = ("http-implicit", "http-header", "http-body", "http-json", "http-several")
DOCUMENT = json.loads(Path("tests/vectors/dashmon_assertions.json").read_text(encoding="utf-8"))
CASES = {case["id"]: case for case in DOCUMENT["cases"] if case["id"].startswith(SAID)}


class _Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        response = CASES[self.path.removeprefix("/")]["response"]
        body = response["body"].encode()
        self.send_response(response["status"])
        for name, value in [*response["headers"], ["Content-Length", str(len(body))]]:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_every_answer_of_the_vectors_is_judged_alike_over_the_wire(address: str, make_engine: MakeEngine) -> None:
    engine = make_engine(per_address=8)
    for case in CASES.values():
        document = synthetic.normalise({"assertions": case["config"]["assertions"]}, kind="http")
        engine.start(
            plan_for_draft({"kind": "http", "url": f"{address}/{case['id']}", "synthetic": document}), case["id"]
        )

    results = drain(engine, len(CASES))

    told = {name: (result.status, list(result.detail.get("failed", []))) for name, result in results.items()}
    assert told == {name: (case["expect"]["status"], case["expect"]["failed"]) for name, case in CASES.items()}

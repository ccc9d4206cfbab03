"""The target farm: nginx on all of 127/8, plain and with TLS, a name server for its names, and `wrk` as the limit."""

import os
import re
import resource
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.farm.certificates import Authority
from tests.perf.cores import OWN_CORE, TARGET_CORE, on_core, spent
from tests.perf.figures import MissingError

KEYWORD = "keyword-alpha"
BODY = f"<html><body>{KEYWORD} {'everything is fine here. ' * 8}</body></html>"
ZONE = "farm.test"
CONNECTIONS, WRK_S = 64, 3
CONFIG = """
daemon off; worker_processes 1; error_log {folder}/error.log crit; pid {folder}/nginx.pid;
worker_rlimit_nofile 20000;
events {{ worker_connections 8192; }}
http {{
  access_log off; default_type text/html; server_tokens off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{ listen 0.0.0.0:{plain} backlog=8192; location / {{ return 200 "{body}"; }} }}
  server {{
    listen 0.0.0.0:{secure} ssl backlog=8192;
    ssl_certificate {chain}; ssl_certificate_key {key};
    ssl_protocols TLSv1.2 TLSv1.3; ssl_session_cache off; ssl_session_tickets off;
    location / {{ return 200 "{body}"; }}
  }}
}}
"""


@dataclass(frozen=True)
class Farm:
    """Where the targets are. Target `number` has an address and a name of its own."""

    plain: int
    secure: int
    names: int
    ca_file: str

    @property
    def environment(self) -> dict[str, str]:
        """Settings with which the product trusts the farm and asks its name server."""
        return {"DASHMON_PROBE_CA_FILE": self.ca_file, "DASHMON_PROBE_RESOLVERS": f"127.0.0.1:{self.names}"}


def address(number: int) -> str:
    return f"127.{1 + number // 62500 % 250}.{number // 250 % 250}.{number % 250 + 1}"


def name(number: int) -> str:
    return f"c{number}.{ZONE}"


def tool(program: str) -> str:
    """The path of a program; MissingError that says how to get it."""
    found = shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if found is None:
        package = "nginx-light" if program == "nginx" else program
        raise MissingError(f"{program} is not installed (Debian: apt-get install {package})")
    return found


@contextmanager
def farm(folder: Path) -> Iterator[Farm]:
    """Nginx and the name server on the target core until the block ends; MissingError without nginx."""
    nginx = tool("nginx")
    folder.mkdir(parents=True, exist_ok=True)
    authority = Authority(folder)
    leaf = authority.leaf("farm", [f"*.{ZONE}"])
    built = Farm(free_port(), free_port(), free_port(), str(authority.ca_file))
    config = folder / "nginx.conf"
    places = {"folder": folder, "plain": built.plain, "secure": built.secure, "chain": leaf.chain, "key": leaf.key}
    config.write_text(CONFIG.format(body=BODY, **places))
    # Its own user may not read what only we may.
    directive = ["-g", "user root;"] if os.geteuid() == 0 else []
    names = [sys.executable, "-m", "tests.perf.names", str(built.names)]
    with ExitStack() as stack:
        for command in ([nginx, "-p", str(folder), "-c", str(config), *directive], names):
            with on_core(TARGET_CORE):
                process = subprocess.Popen(command)
            stack.callback(process.wait)
            stack.callback(process.terminate)
        for port in (built.plain, built.secure):
            await_port(port)
        yield built


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def await_port(port: int, seconds: float = 20.0) -> None:
    """Return once something answers there."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError(f"nothing answers on port {port}")


@dataclass(frozen=True)
class Limit:
    """What `wrk` did: microseconds of its own processor time for a request, and requests a second."""

    us: float
    per_second: float


def limit(port: int, *, secure: bool = False) -> Limit:
    """Ask with a fresh connection for every request for a few seconds: the least that a request can cost."""
    scheme = "https" if secure else "http"
    command = [tool("wrk"), "-t1", f"-c{CONNECTIONS}", f"-d{WRK_S}s", "-H", "Connection: close"]
    url = f"{scheme}://127.0.0.1:{port}/ok"
    before = spent(resource.RUSAGE_CHILDREN)
    with on_core(OWN_CORE):
        answer = subprocess.run([*command, url], capture_output=True, text=True, check=True)
    used = spent(resource.RUSAGE_CHILDREN) - before
    count = re.search(r"(\d+) requests in ([\d.]+)s", answer.stdout)
    if count is None or int(count[1]) == 0:
        raise RuntimeError(f"wrk got no answer:\n{answer.stdout}{answer.stderr}")
    return Limit(used / int(count[1]) * 1e6, int(count[1]) / float(count[2]))

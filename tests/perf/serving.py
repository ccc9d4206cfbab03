"""An application on the product's own server, whichever it is: `python -m tests.perf.serving module:name port`."""

import os
import sys

import django
import uvicorn

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashmon.settings")
django.setup(set_prefix=False)

from dashmon.hot.protocol import HotProtocol  # noqa: E402  # after the set-up above

if __name__ == "__main__":
    uvicorn.run(
        sys.argv[1],
        port=int(sys.argv[2]),
        http=HotProtocol,
        access_log=False,
        log_level="error",
        proxy_headers=False,
        server_header=False,
    )

"""The farm's name server: `c<number>.farm.test` has the address of target <number>, everything else 127.0.0.1.

Fast and blunt on purpose: what it takes is time that the measured process waits.
"""

import socket
import sys

from tests.perf.farm import address

HEAD = b"\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00"
RECORD = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04"


def answer(query: bytes) -> bytes:
    """The address of the name that was asked for, whatever else the question says."""
    length = query[12]
    label = query[13 : 13 + length]
    end = 12
    while query[end]:
        end += query[end] + 1
    where = address(int(label[1:])) if label[:1] == b"c" and label[1:].isdigit() else "127.0.0.1"
    return query[:2] + HEAD + query[12 : end + 5] + RECORD + socket.inet_aton(where)


def serve(port: int) -> None:
    """Answer until killed."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        sock.bind(("127.0.0.1", port))
        while True:
            query, sender = sock.recvfrom(2048)
            sock.sendto(answer(query), sender)


if __name__ == "__main__":
    serve(int(sys.argv[1]))

class ChannelError(Exception):
    """The other side did not take a message; `reason` is a sentence for the log, without secrets."""

    def __init__(self, reason: str, *, http_status: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.http_status = http_status

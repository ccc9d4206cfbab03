class ChannelError(Exception):
    """The other side did not take a message; `reason` is a sentence for the log, without secrets.

    `final`: another try cannot help (the recipient is gone, the key revoked). `retry_after_s`: the other side asked
    not to be tried again before.
    """

    def __init__(
        self,
        reason: str,
        *,
        http_status: int | None = None,
        final: bool = False,
        retry_after_s: float | None = None,
    ) -> None:
        # The other side's words are in it, which may hold what no database keeps and no log should show.
        self.reason = " ".join("".join(mark if mark.isprintable() else " " for mark in reason).split())
        super().__init__(self.reason)
        self.http_status = http_status
        self.final = final
        self.retry_after_s = retry_after_s

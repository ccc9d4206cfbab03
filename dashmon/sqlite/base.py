"""The backend that `settings.DATABASES` names.

Who finds SQLite's write lock taken sleeps and looks again, up to a tenth of a second later. The committer of hot writes
gives it back and takes it again within less than that, so under load others would find it free once in a while only:
the schedule, and the pump with all its checks under way, waited for a second and more. Here the writers of a process
queue first. It is a courtesy and no lock: what is right is SQLite's business, and between processes it decides alone.
"""

from collections import defaultdict
from collections.abc import Callable
from functools import partial
from typing import Any

from django.db.backends.sqlite3 import base

from dashmon.sqlite.turns import Turns

# As long as SQLite itself would wait. Whose turn has not come by then asks SQLite, which says what is the matter.
PATIENCE_S = 10.0
WRITES = ("INSERT", "UPDATE", "DELETE", "REPLACE")
_turns: defaultdict[str, Turns] = defaultdict(Turns)


class Cursor(base.SQLiteCursorWrapper):
    """A statement that writes outside any transaction is one by itself."""

    def __init__(self, connection: Any, turns: Turns) -> None:
        super().__init__(connection)
        self._turns = turns

    def execute(self, query: str, params: Any = None) -> Any:
        if self.connection.in_transaction or not query.startswith(WRITES):
            return super().execute(query, params)
        return self._in_turn(lambda: super(Cursor, self).execute(query, params))

    def executemany(self, query: str, param_list: Any) -> Any:
        if self.connection.in_transaction:
            return super().executemany(query, param_list)
        return self._in_turn(lambda: super(Cursor, self).executemany(query, param_list))

    def _in_turn(self, run: Callable[[], Any]) -> Any:
        is_ours = self._turns.take(PATIENCE_S)
        try:
            return run()
        finally:
            if is_ours:
                self._turns.hand_on()


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection whose transactions queue with those of the process's other threads."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._is_our_turn = False

    @property
    def _turns(self) -> Turns:
        return _turns[str(self.settings_dict["NAME"])]

    def create_cursor(self, name: str | None = None) -> Any:  # noqa: ARG002  # Django's signature
        return self.connection.cursor(factory=partial(Cursor, turns=self._turns))

    def _start_transaction_under_autocommit(self) -> None:
        self._is_our_turn = self._turns.take(PATIENCE_S)
        try:
            super()._start_transaction_under_autocommit()  # type: ignore[misc]  # the stubs leave it out
        except BaseException:
            self._hand_on()
            raise

    def _commit(self) -> None:
        try:
            super()._commit()  # type: ignore[misc]  # the stubs leave it out
        finally:
            self._hand_on()

    def _rollback(self) -> None:
        try:
            super()._rollback()  # type: ignore[misc]  # the stubs leave it out
        finally:
            self._hand_on()

    def _close(self) -> None:
        try:
            super()._close()  # type: ignore[misc]  # the stubs leave it out
        finally:
            self._hand_on()

    def _hand_on(self) -> None:
        if self._is_our_turn:
            self._is_our_turn = False
            self._turns.hand_on()

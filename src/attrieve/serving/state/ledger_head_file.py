"""The ledger's head in a file beside the database, so that an older database put back is noticed."""

import json
import logging
import threading
import time

from attrieve.data.files import write_atomically
from attrieve.errors import AttrieveError, StorageError
from attrieve.serving.state.database import StateDatabase
from attrieve.serving.state.ledger_seal import HEAD_FILE, SignedHead

EVERY_S = 1.0
"""How often the file is written, at most; and how long an entry may wait for it."""

log = logging.getLogger(__name__)


class HeadFile:
    """Keeps the file at the ledger's end, and leaves it alone where the ledger does not hold what it says.

    Args:
        database: of the ledger.
        public_key: of the installation.
    """

    def __init__(self, database: StateDatabase, public_key: str) -> None:
        self.path = database.path.with_name(HEAD_FILE)
        self._database = database
        self._public_key = public_key
        self._guard = threading.Lock()
        self._writing = threading.Lock()
        self._timer: threading.Timer | None = None
        self._written_s = -EVERY_S
        self._told = False
        database.before_closing(self.flush)

    def soon(self) -> None:
        """Write it now, or within a second where it was written within the last; never fails.

        The entries are safe in the database whether or not there is room for this file.
        """
        with self._guard:
            if self._timer is not None:
                return
            wait_s = self._written_s + EVERY_S - time.monotonic()
            if wait_s > 0:
                self._timer = threading.Timer(wait_s, self._late)
                self._timer.daemon = True
                self._timer.start()
                return
            self._written_s = time.monotonic()
        self._quietly()

    def flush(self) -> None:
        """Write now what :meth:`soon` has put off, and wait for what is being written."""
        with self._guard:
            timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
            self._quietly()
        with self._writing:  # a timer that has run out reads the database, which is about to be closed
            pass

    def write(self) -> None:
        """Write it now.

        Raises:
            StorageError: if the disk refuses; or if the file holds a head that is not on this ledger, which
                is what it is there for: then it is left as it is.
        """
        while True:
            # the file is read first: what stands in it was on the disk in the database before
            before = SignedHead.read(self.path) if self.path.exists() else None
            head = self._compared(before)
            if before == head:
                return
            write_atomically(self.path, (json.dumps(head.to_dict()) + "\n").encode("ascii"))
            # and once more, for another process may have written an older one over a newer one in between

    def _compared(self, before: SignedHead | None) -> SignedHead:
        with self._database.snapshot() as connection:
            row = connection.execute("SELECT sequence, hash, signature FROM ledger_head").fetchone()
            if row is None:
                raise StorageError(f"the head of the ledger in {self._database.path} is gone")
            head = SignedHead(*row)
            if before is None:
                return head
            entry = connection.execute(
                "SELECT hash FROM ledger WHERE sequence = ?", [before.sequence]
            ).fetchone()
        if (
            not before.genuine(self._public_key)
            or before.sequence > head.sequence
            or (entry is not None and entry["hash"] != before.hash)
        ):
            raise StorageError(
                f"{self.path} says that the ledger held entry {before.sequence}, and it does not hold it so:"
                " it was cut, or an older one was put back; the file is left as it is, and attrieve ledger"
                " verify tells more"
            )
        return head

    def _late(self) -> None:
        with self._writing:  # taken first: once the timer is gone, flush must find this held
            with self._guard:
                if self._timer is None:
                    return
                self._timer, self._written_s = None, time.monotonic()
            self._write_quietly()

    def _quietly(self) -> None:
        with self._writing:
            self._write_quietly()

    def _write_quietly(self) -> None:
        try:
            self.write()
        except AttrieveError as error:
            if not self._told:
                log.error("the head of the ledger is not kept beside it: %s", error)
            self._told = True
        else:
            self._told = False

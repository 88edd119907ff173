"""The ledger's head in a file beside the database, so that an older database put back is noticed."""

import json
import logging
import os
import threading
import time

from attrieve.data.files import write_atomically
from attrieve.errors import AttrieveError, StorageError
from attrieve.serving.state.database import StateDatabase
from attrieve.serving.state.ledger_seal import HEAD_FILE, SignedHead

EVERY_S = 1.0
"""How often the file is written, at most; and how long an entry may wait for it."""

IDLE_S = 60.0
"""The thread that writes what was put off ends when there was nothing to put off for so long."""

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
        self._told = False
        self._begin()
        database.before_closing(self.flush)

    def _begin(self) -> None:
        self._process = os.getpid()
        self._changed = threading.Condition()
        self._writing = threading.Lock()
        self._thread: threading.Thread | None = None
        self._due_s: float | None = None
        self._written_s = -EVERY_S

    def _after_fork(self) -> None:
        """Begin anew in a forked process: it has neither the thread nor who might hold the locks."""
        if self._process != os.getpid():
            self._begin()

    def soon(self) -> None:
        """Write it now, or within a second where it was written within the last; never fails.

        The entries are safe in the database whether or not there is room for this file. What is put off is
        written by one thread, which has one connection to the database and stays while it is needed.
        """
        self._after_fork()
        with self._changed:
            if self._due_s is not None:
                return
            due_s = self._written_s + EVERY_S
            if due_s > time.monotonic() and (self._thread is not None or self._started()):
                self._due_s = due_s
                self._changed.notify_all()
                return
            self._written_s = time.monotonic()
        self._quietly()

    def flush(self) -> None:
        """Write now what :meth:`soon` has put off, wait for what is being written, and end the thread."""
        self._after_fork()
        with self._changed:
            thread, self._thread = self._thread, None
            put_off, self._due_s = self._due_s is not None, None
            self._changed.notify_all()
        if put_off:
            self._quietly()
        with self._writing:  # whoever writes reads the database, which is about to be closed
            pass
        if thread is not None:
            thread.join()

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

    def _started(self) -> bool:
        """Start the thread; return whether the machine had room for one."""
        thread = threading.Thread(target=self._stand, name="ledger-head", daemon=True)
        try:
            thread.start()  # it waits for the condition, which the caller holds
        except RuntimeError:
            return False
        self._thread = thread
        return True

    def _stand(self) -> None:
        while self._wait_until_due():
            with self._writing:  # taken first: once nothing is due any more, flush must find this held
                with self._changed:
                    if self._due_s is None or not self._mine():
                        continue
                    self._due_s, self._written_s = None, time.monotonic()
                self._write_quietly()

    def _wait_until_due(self) -> bool:
        """Return True when it is time to write, False when this thread is to end."""
        with self._changed:
            idle_from_s = time.monotonic()
            while self._mine():
                now_s = time.monotonic()
                until_s = idle_from_s + IDLE_S if self._due_s is None else self._due_s
                if now_s < until_s:
                    self._changed.wait(until_s - now_s)
                elif self._due_s is not None:
                    return True
                else:
                    self._thread = None
        return False

    def _mine(self) -> bool:
        """Return whether this thread is the one that writes, and not one that was told to end."""
        return self._thread is threading.current_thread()

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

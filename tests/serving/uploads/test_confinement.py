"""What the decoding process cannot do any more, tried from inside."""

import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the limits are those of Linux")

TRIED = """
import json, os, socket, sys
from attrieve.serving.uploads.confinement import confine
confine(memory_bytes=800 << 20, cpu_s=30)

def outcome(act):
    try:
        act()
    except BaseException as error:
        return type(error).__name__
    return "done"

def run():
    if os.fork() == 0:
        os._exit(0)

tries = {
    "read": lambda: open("/etc/passwd"),
    "write": lambda: open("/tmp/attrieve-confined", "w"),
    "list": lambda: os.listdir("/"),
    "socket": lambda: socket.socket(socket.AF_INET),
    "unix socket": lambda: socket.socket(socket.AF_UNIX),
    "pipe": lambda: os.pipe(),
    "memory": lambda: bytearray(2 << 30),
    "more files": lambda: __import__("resource").setrlimit(7, (100, 100)),
    "root again": lambda: os.setuid(0) if os.getuid() else (_ for _ in ()).throw(PermissionError()),
}
print(json.dumps({name: outcome(act) for name, act in tries.items()}))
"""


def test_a_confined_process_has_nothing_but_its_input_and_output() -> None:
    """No file, no network, little memory, no way back; what is open can still be used."""
    done = subprocess.run([sys.executable, "-c", TRIED], capture_output=True, text=True, check=True)
    told = json.loads(done.stdout)
    assert "done" not in told.values(), told
    assert told["memory"] == "MemoryError"


def test_processor_time_is_limited() -> None:
    """The system ends a process that computes without end."""
    endless = (
        "from attrieve.serving.uploads.confinement import confine\n"
        "confine(memory_bytes=1 << 30, cpu_s=1)\n"
        "while True: pass\n"
    )
    done = subprocess.run([sys.executable, "-c", endless], capture_output=True, check=False)
    assert done.returncode < 0

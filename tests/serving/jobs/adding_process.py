"""A process that takes images and adds them until it is killed.

``python adding_process.py FOLDER SEED`` prints one JSON line with the keys of each group of images once it is
queued: from then on they may not be lost.
"""

import json
import random
import sys
import time
from pathlib import Path

from attrieve.models.retriever import Retriever
from attrieve.serving.jobs.deleting import RowChoice
from attrieve.serving.jobs.job import JobKind
from serving.jobs.workplace import KIM, Workplace

LEASE_S = 1.0


def main() -> None:
    folder, seed = Path(sys.argv[1]), int(sys.argv[2])
    workplace = Workplace(folder, Retriever.from_pretrained(folder / "run"), lease_s=LEASE_S)
    worker = workplace.worker(beat_s=0.2)
    worker.start()
    chance = random.Random(seed)
    group = 0
    while True:
        group += 1
        images = workplace.images(chance.randrange(1, 6), seed=1000 * seed + group, camera=f"C{seed}")
        erased = images.pop() if len(images) > 3 else None
        workplace.add(images)
        worker.wake()
        print(json.dumps({"kept": [image["key"] for image in images]}), flush=True)
        if erased is not None:
            workplace.add([erased])
            choice = RowChoice(keys=(str(erased["key"]),))
            workplace.jobs.submit(JobKind.DELETE_ROWS, choice.to_payload(), KIM)
            print(json.dumps({"erased": erased["key"]}), flush=True)
        while workplace.jobs.waiting() > 6:
            time.sleep(0.02)


if __name__ == "__main__":
    main()

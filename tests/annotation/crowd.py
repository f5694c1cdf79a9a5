"""One process of many annotators who take work and answer it: slowly, twice, from two tabs at once, or not at all."""

from __future__ import annotations

import random
import threading
import time
import uuid
from contextlib import suppress
from io import FileIO

from django.db import connections
from django.db.models import F

from annotation import answers, queue
from annotation.models import Annotator, Assignment, Comparison, Project

PROGRAM = "import sys, django; django.setup(); from tests.annotation.crowd import main; main(*sys.argv[1:])"
LEASE_SECONDS = 5


def main(slug: str, name: str, threads: str, acknowledged: str) -> None:
    """Work with so many threads until every comparison has its judgments; each two threads are one annotator.

    The id of every answer that was acknowledged becomes a line of the file `acknowledged`.
    """
    failures: list[BaseException] = []
    with open(acknowledged, "ab", buffering=0) as acks:

        def work(annotator: str) -> None:
            try:
                tab = Tab(Project.objects.get(slug=slug), annotator, acks)
                while tab.step():
                    pass
            except BaseException as failure:
                failures.append(failure)
            finally:
                connections.close_all()

        crowd = [threading.Thread(target=work, args=(f"{name}-{n // 2}",)) for n in range(int(threads))]
        for thread in crowd:
            thread.start()
        for thread in crowd:
            thread.join()
    if failures:
        raise ExceptionGroup("some threads broke off", failures)  # type: ignore[type-var]


class Tab:
    """One thread of an annotator."""

    def __init__(self, project: Project, name: str, acks: FileIO) -> None:
        self.annotator: Annotator = queue.annotator_for_program(project, name)
        self.acks = acks
        self.chance = random.Random()

    def step(self) -> bool:
        """Do one thing; False when nothing is left for anybody."""
        leases = queue.hold(self.annotator, count=self.chance.randint(1, 3))
        if not leases:
            time.sleep(self.chance.uniform(0.1, 0.5))
            wanting = Comparison.objects.filter(project=self.annotator.project_id, judged__lt=F("overlap"))
            return wanting.exists()
        act = self.chance.random()
        # The other tab may have done something with it meanwhile.
        with suppress(queue.LeaseLostError, answers.NothingToUndoError):
            if act < 0.02:
                queue.skip(self.annotator, leases[0].uid)
            elif act < 0.05:
                queue.release(self.annotator, leases[0].uid)
            elif act < 0.08:
                answers.undo(self.annotator)
            else:
                if act < 0.1:
                    time.sleep(LEASE_SECONDS + 1)
                self.judge(leases[0])
        return True

    def judge(self, lease: Assignment) -> None:
        """Answer a lease, and sometimes send the same again."""
        feedback_id = str(uuid.uuid4())
        choice = self.chance.choice(self.annotator.project.answer_scale.choices)
        for _ in range(2 if self.chance.random() < 0.2 else 1):
            answers.judge(self.annotator, lease.uid, choice, feedback_id=feedback_id)
            self.acks.write(f"{feedback_id}\n".encode())

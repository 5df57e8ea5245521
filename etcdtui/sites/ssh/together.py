"""One piece of work on several hosts, at all of them at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from etcdtui.errors import EtcdtuiError

AT_ONCE = 8
"""Hosts that are worked on at one time."""
STOP_TIMEOUT = 90.0
"""Seconds for a process to end, as many as systemd gives one. etcd waits for its clients' streams and then
for whoever is to lead next, 7 s each; where all end at once nobody takes over, on a busy host longer."""
PATIENT_LOOK = 20.0
"""Seconds for a look that a step on all hosts waits for, on one that is busy with the step before."""


def together(jobs: Sequence[Callable[[], str]]) -> str:
    """Do all of them, some at a time; what was done, in words, in their order.

    When one failed the others are done all the same.

    Raises:
        EtcdtuiError: of the first that failed, with the words of all that did.
    """

    def one(job: Callable[[], str]) -> str | EtcdtuiError:
        try:
            return job()
        except EtcdtuiError as error:
            return error

    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="etcdtui-found") as pool:
        results = list(pool.map(one, jobs))
    failed = [result for result in results if isinstance(result, EtcdtuiError)]
    if failed:
        # Of several the first tells the class: what was sent and not seen must stay that.
        text = "; ".join(dict.fromkeys(error.message for error in failed))
        raise type(failed[0])(text, failed[0].hint)
    return "; ".join(str(result) for result in results)

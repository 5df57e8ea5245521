"""The errors etcdtui raises on purpose; everything a user may see derives from one root.

    EtcdtuiError                 one clear line, a way out, an exit code
    ├── UsageError               the command line asks for something that does not exist     (2)
    ├── ConfigError              the configuration file is wrong: file, line, key            (2)
    ├── SiteError                the place where members run did not do what was asked       (1)
    │   ├── NodeError            one node refused or failed
    │   ├── NotOffered           this kind of site cannot do that at all                     (2)
    │   └── WayLost              an endpoint could not be asked (also Unreachable)
    ├── EtcdError                etcd answered with an error, or did not answer              (1)
    │   ├── Unreachable          nothing serves there: refused, reset, no route, bad TLS
    │   ├── DeadlineExceeded     no answer in time; a mutation may or may not have happened
    │   ├── NotPermitted         authentication or authorisation refused the call
    │   └── Refused              etcd understood and said no (its reason is the message)
    ├── AuditError               the audit log cannot be written, so nothing is done          (1)
    │   └── StoreError           the plan store cannot be written or read                     (1)
    ├── GuardRefused             a guard says the action would do harm                       (3)
    ├── PlanStale                the cluster is no longer the one the plan was made for      (3)
    └── OutcomeUnknown           a change was sent and its result was never seen             (4)

The number is the process exit code; `docs/exit-codes.md` lists them for users.
"""

from __future__ import annotations


class EtcdtuiError(Exception):
    """Root of the tree.

    Args:
        message: one line that names the file, key, host or member.
        hint: the way out, in the imperative; empty when there is none to give.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class UsageError(EtcdtuiError):
    """The command line cannot be carried out as typed."""

    exit_code = 2


class ConfigError(EtcdtuiError):
    """A configuration file is wrong.

    Args:
        file: path of the file.
        line: 1-based line, or None when the whole file is meant.
        key: dotted key, such as ``profiles.prod.hosts``; empty for the whole file.
        expected: what should stand there.
    """

    exit_code = 2

    def __init__(self, file: str, line: int | None, key: str, expected: str) -> None:
        place = f"{file}:{line}" if line is not None else file
        super().__init__(f"{place}: {key}: {expected}" if key else f"{place}: {expected}")
        self.file = file
        self.line = line
        self.key = key
        self.expected = expected


class SiteError(EtcdtuiError):
    """The place where members run did not do what was asked."""


class NodeError(SiteError):
    """One node refused or failed; the message starts with its name."""


class NotOffered(SiteError):
    """This kind of site does not have the capability that was asked for."""

    exit_code = 2


class EtcdError(EtcdtuiError):
    """etcd answered with an error or did not answer.

    Args:
        message: the explanation in words.
        details: etcd's own text, verbatim (untrusted), empty when there was none.
    """

    def __init__(self, message: str, hint: str = "", details: str = "") -> None:
        super().__init__(message, hint)
        self.details = details


class Unreachable(EtcdError):
    """Nothing serves etcd there: refused, reset, no route, TLS failed."""


class WayLost(SiteError, Unreachable):
    """The way to an endpoint is not there, so nobody knows how etcd is; nothing was sent."""


class DeadlineExceeded(EtcdError):
    """No answer within the deadline; a mutation may or may not have happened."""


class NotPermitted(EtcdError):
    """Authentication or authorisation refused the call."""


class Refused(EtcdError):
    """etcd understood the call and said no."""


class AuditError(EtcdtuiError):
    """The audit log cannot be written or read; the message names the file."""


class StoreError(AuditError):
    """The plan store cannot be written or read; the message names the file."""


class GuardRefused(EtcdtuiError):
    """A guard says the action would do harm; nothing was done."""

    exit_code = 3


class PlanStale(EtcdtuiError):
    """The cluster is no longer the one the plan was made for; nothing more was done."""

    exit_code = 3


class OutcomeUnknown(EtcdtuiError):
    """A change was sent and its result was never seen; look before doing it again."""

    exit_code = 4

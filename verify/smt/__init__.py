"""The Z3 reader of the IR: bounded search, and the judges of runs and of proofs. Nothing else imports z3."""

from verify.smt.accept import accepts, accepts_deadlock, begun
from verify.smt.bmc import Bmc, bmc
from verify.smt.judge import FailedObligation, Judgement, judge, script
from verify.smt.obligations import Obligation, obligations
from verify.smt.solver import version
from verify.smt.terms import Terms
from verify.smt.widths import EncodingError

__all__ = [
    "Bmc",
    "EncodingError",
    "FailedObligation",
    "Judgement",
    "Obligation",
    "Terms",
    "accepts",
    "accepts_deadlock",
    "begun",
    "bmc",
    "judge",
    "obligations",
    "script",
    "version",
]

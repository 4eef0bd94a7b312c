"""Universal invariants from constrained Horn clauses that Z3's Spacer solves: a finder, trusted by nobody."""

from verify.smt.horn.solve import NoAnswerError, horn_invariant
from verify.smt.horn.views import How

__all__ = ["How", "NoAnswerError", "horn_invariant"]

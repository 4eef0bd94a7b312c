"""Identifiers of TLA+: allowed, never used twice, and as near to the source's as that leaves them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field


def words(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


# Words of the language, and every operator and module of the standard modules that are extended.
RESERVED = words("""
    ACTION ASSUME ASSUMPTION AXIOM BY CASE CHOOSE CONSTANT CONSTANTS COROLLARY DEF DEFINE DEFS DOMAIN ELSE
    ENABLED EXCEPT EXTENDS HAVE HIDE IF IN INSTANCE LAMBDA LEMMA LET LOCAL MODULE NEW OBVIOUS OMITTED ONLY
    OTHER PICK PROOF PROPOSITION PROVE QED RECURSIVE SF_ STATE SUBSET SUFFICES TAKE TEMPORAL THEN THEOREM
    UNCHANGED UNION USE VARIABLE VARIABLES WF_ WITH WITNESS TRUE FALSE BOOLEAN STRING Nat Int Real Infinity
    Seq Len Head Tail Append SubSeq SelectSeq Cardinality IsFiniteSet Naturals Integers Sequences FiniteSets
    TLC TLAPS Permutations Print PrintT Assert JavaTime TLCGet TLCSet SortSeq RandomElement Any ToString
    TLCEval
    SMT SMTT CVC3 CVC3T CVC4 CVC4T Yices YicesT veriT veriTT Z3 Z3T ZenonT Zenon SlowZenon SlowerZenon VerySlowZenon
    SlowestZenon Isa IsaT IsaM IsaMT Auto AutoT Force ForceT SimplifyAndSolve Simplification
    Blast SimpleArithmetic PTL LS4 PropositionalTemporalLogic AllProvers AllSMT AllIsa AllProversT AllSMTT AllIsaT
    SetExtensionality NoSetContainsEverything IsabelleArith ExpandENABLED ExpandCdot AutoUSE Lambdify ENABLEDaxioms
    ENABLEDrules LevelComparison EnabledWrapper CdotWrapper Trivial
""")
# What every module defines, and the arguments of its operators.
FIXED = words("""
    x y n c f b t o i j q ids from to zero Finished Cells
    NULL Init Next Spec FairSpec Fairness TypeOK Terminating Step vars self Goto Rank Get Num Bit BitAnd BitOr
    BitXor BitNot Div Rem Shl Shr LifeNumber PlaceNumber Unsigned Signed Symmetry IndInv IndInit IndStart pc
    ConstInit InitOK StepOK InvOK Safe Sequence
""")


@dataclass(slots=True)
class Namer:
    """Hands out names, each once."""

    used: set[str] = field(default_factory=lambda: set(RESERVED | FIXED))

    def name(self, *wanted: str) -> str:
        """The first of the names that is free, else the last with a number."""
        candidates = [identifier(name) for name in wanted]
        chosen = next((name for name in candidates if name not in self.used), None)
        number = 2
        while chosen is None:
            numbered = f"{candidates[-1]}_{number}"
            chosen, number = (None if numbered in self.used else numbered), number + 1
        self.used.add(chosen)
        return chosen


def identifier(text: str) -> str:
    """The text with nothing but letters, digits and underscores, a letter first, and no operator's beginning."""
    found = re.sub(r"[^A-Za-z0-9_]+", "_", text).strip("_") or "x"
    return f"v_{found}" if not found[0].isalpha() or found.startswith(("WF_", "SF_")) else found


def camel(text: str) -> str:
    """`no_traced_thread` as `NoTracedThread`."""
    return "".join(part[:1].upper() + part[1:] for part in re.split(r"[^A-Za-z0-9]+", text) if part)


def plural(name: str) -> str:
    """What a set of these is called: `Tasks` of `task`."""
    return f"{camel(name)}s"

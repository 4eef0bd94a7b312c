"""Identifiers of TLA+: allowed, never used twice, and as near to the source's as that leaves them."""

from __future__ import annotations

import re

from verify.emit.idents import Namer, words

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
    Check CheckPart CheckInit CheckNext CheckHeld Watch WatchTell WatchRegisters
""")


# Modules that TLC and TLAPS bring, and the one above a model.
MODULES = words("""
    Apalache Bags Check FiniteSets FunctionTheorems Integers Json Naturals Peano ProtoReals Randomization RealTime Reals
    Sequences SequenceTheorems SVG TLAPS TLC TLCExt Toolbox Variants WellFoundedInduction
""")


def namer_of_tla() -> Namer:
    """What names things in a module."""
    return Namer(set(RESERVED | FIXED), identifier)


def identifier(text: str) -> str:
    """The text with nothing but letters, digits and underscores, a letter first, and no operator's beginning."""
    found = re.sub(r"[^A-Za-z0-9_]+", "_", text).strip("_") or "x"
    return f"v_{found}" if not found[0].isalpha() or found.startswith(("WF_", "SF_")) else found


def module(text: str) -> str:
    """A name of a module that is none of those, nor an operator in it."""
    name = identifier(text)
    name = name[:1].upper() + name[1:]
    return f"{name}_kc" if name in MODULES | RESERVED | FIXED else name

----------------------------- MODULE APTestAndSet -----------------------------
(*****************************************************************************)
(* Types of TestAndSet for Apalache, and the cells of a model. Apalache has  *)
(* not been run on it.                                                       *)
(*****************************************************************************)
EXTENDS Integers, Sequences

CONSTANTS
    \* @type: Seq(CELL);
    TaskIds,
    \* @type: CELL;
    NULL

VARIABLES
    \* @type: Int;
    locked,
    \* @type: CELL -> Str;
    task_life,
    \* @type: CELL -> Bool;
    in,
    \* @type: CELL -> Str;
    pc,
    \* @type: CELL -> Bool;
    acquire_tmp1,
    \* @type: CELL -> Bool;
    acquire_tmp2

INSTANCE TestAndSet

\* --cinit=ConstInit
ConstInit ==
    /\ TaskIds = <<"task1_OF_CELL", "task2_OF_CELL">>
    /\ NULL = "null_OF_CELL"

\* apalache-mc check --cinit=ConstInit ... APTestAndSet.tla, and for the dots
\* mutual_exclusion: --length=10 --inv=MutualExclusion
\* locked_while_in: --length=10 --inv=LockedWhileIn
===============================================================================

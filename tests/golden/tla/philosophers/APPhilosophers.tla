---------------------------- MODULE APPhilosophers ----------------------------
(*****************************************************************************)
(* Types of Philosophers for Apalache, and the cells of a model. Apalache    *)
(* has not been run on it.                                                   *)
(*****************************************************************************)
EXTENDS Integers, Sequences

CONSTANTS
    \* @type: Seq(CELL);
    ForkIds,
    \* @type: Seq(CELL);
    TaskIds,
    \* @type: CELL;
    NULL

VARIABLES
    \* @type: CELL -> Str;
    fork_life,
    \* @type: CELL -> CELL;
    lock,
    \* @type: CELL -> Str;
    task_life,
    \* @type: CELL -> CELL;
    first,
    \* @type: CELL -> CELL;
    second,
    \* @type: CELL -> Bool;
    eats,
    \* @type: CELL -> Str;
    pc,
    \* @type: CELL -> CELL;
    dine_tmp1,
    \* @type: CELL -> CELL;
    dine_tmp2,
    \* @type: CELL -> CELL;
    dine_tmp3,
    \* @type: CELL -> CELL;
    dine_tmp4

INSTANCE Philosophers

\* --cinit=ConstInit
ConstInit ==
    /\ ForkIds = <<"one_cell_OF_CELL", "two_cell_OF_CELL", "three_cell_OF_CELL",
         "four_cell_OF_CELL", "five_cell_OF_CELL">>
    /\ TaskIds = <<"task1_OF_CELL", "task2_OF_CELL">>
    /\ NULL = "null_OF_CELL"

\* apalache-mc check --cinit=ConstInit ... APPhilosophers.tla, and for the dots
\* alone: --length=10 --inv=Alone
\* no_circle: --length=10 --inv=NoCircle
\* lock_balanced: --length=10 --inv=LockBalanced
===============================================================================

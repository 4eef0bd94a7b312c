------------------------------ MODULE APRefcount ------------------------------
(*****************************************************************************)
(* Types of Refcount for Apalache, and the cells of a model. Apalache has    *)
(* not been run on it.                                                       *)
(*****************************************************************************)
EXTENDS Integers, Sequences

CONSTANTS
    \* @type: Seq(CELL);
    ObjectIds,
    \* @type: Seq(CELL);
    TaskIds,
    \* @type: CELL;
    NULL

VARIABLES
    \* @type: CELL;
    shared,
    \* @type: CELL;
    lock,
    \* @type: CELL -> Str;
    object_life,
    \* @type: CELL -> Int;
    refs,
    \* @type: CELL -> Bool;
    used,
    \* @type: CELL -> Str;
    task_life,
    \* @type: CELL -> Str;
    pc,
    \* @type: CELL -> CELL;
    use_tmp1,
    \* @type: CELL -> CELL;
    get_p,
    \* @type: CELL -> CELL;
    use_p,
    \* @type: CELL -> Bool;
    use_tmp2,
    \* @type: CELL -> CELL;
    drop_p,
    \* @type: CELL -> Bool;
    drop_last,
    \* @type: CELL -> CELL;
    replace_fresh,
    \* @type: CELL -> CELL;
    replace_old,
    \* @type: CELL -> CELL;
    replace_tmp1

INSTANCE Refcount

\* --cinit=ConstInit
ConstInit ==
    /\ ObjectIds = <<"object1_OF_CELL", "object2_OF_CELL">>
    /\ TaskIds = <<"task1_OF_CELL", "task2_OF_CELL">>
    /\ NULL = "null_OF_CELL"

\* apalache-mc check --cinit=ConstInit ... APRefcount.tla, and for the dots
\* no_use_after_free: --length=10 --inv=NoUseAfterFree
\* shared_has_a_reference: --length=10 --inv=SharedHasAReference
\* lock_balanced: --length=10 --inv=LockBalanced
===============================================================================

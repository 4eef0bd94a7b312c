------------------------------ MODULE TestAndSet ------------------------------
(*****************************************************************************)
(* System `system` of test_and_set.kc, written by verify X.                  *)
(*                                                                           *)
(* test_and_set.kc                                                           *)
(* 0fa338f77b7fa610321ec36207418765c7ce43a47bae98cddd23b724fec45a05          *)
(*                                                                           *)
(* Each action is one step of the thread `self`, with at most one access to  *)
(* shared memory, and carries the statement that it comes from. A thread and *)
(* the object that it is have one name.                                      *)
(*                                                                           *)
(* Memory is sequentially consistent. A local that is not needed any more is *)
(* reset, as is a cell that is free: the number of states depends on that.   *)
(*****************************************************************************)
EXTENDS Integers, Sequences

CONSTANTS
    TaskIds,          \* cells for each struct task, in the order in which the first are taken
    NULL              \* the pointer to nothing

Tasks == {TaskIds[i] : i \in DOMAIN TaskIds}

ASSUME Cells ==
    /\ \A i, j \in DOMAIN TaskIds : TaskIds[i] = TaskIds[j] => i = j
    /\ NULL \notin Tasks

VARIABLES
    locked,                           \* locked
    task_life,                        \* whether a struct task is there, and known to others
    in,                               \* task->in
    pc,                               \* where each thread stands
    acquire_tmp1,                     \* between two steps of acquire
    acquire_tmp2                      \* between two steps of acquire

task_vars == <<task_life, in>>

acquire_vars == <<acquire_tmp1, acquire_tmp2>>

vars == <<locked, task_vars, pc, acquire_vars>>

TypeOK ==
    /\ locked \in 0..1
    /\ task_life \in [Tasks -> {"free", "private", "published"}]
    /\ in \in [Tasks -> BOOLEAN]
    /\ pc \in [Tasks -> {"idle", "user_1", "acquire_busy", "user_enter", "acquire_1",
         "acquire_take", "acquire_busy_2", "acquire_2", "acquire_take_2", "user_leave",
         "release_free"}]
    /\ acquire_tmp1 \in [Tasks -> BOOLEAN]
    /\ acquire_tmp2 \in [Tasks -> BOOLEAN]

-------------------------------------------------------------------------------
(* Helpers *)
Goto(self, from, to) == pc[self] = from /\ pc' = [pc EXCEPT ![self] = to]
Rank(c, ids) == CHOOSE i \in DOMAIN ids : ids[i] = c
Bit(x, n) == (x \div n) % 2  \* n is a power of 2
BitAnd(x, y) ==
    Bit(x, 1) * Bit(y, 1) + 2 * Bit(x, 2) * Bit(y, 2) - (IF x < 0 /\ y < 0 THEN 4 ELSE 0)
BitOr(x, y) == x + y - BitAnd(x, y)

-------------------------------------------------------------------------------
Init ==
    \E n_user \in 0..Len(TaskIds) :
    /\ n_user = Len(TaskIds)
    /\ n_user > 0
    /\ locked = 0
    /\ task_life = [t \in Tasks |-> IF Rank(t, TaskIds) <= n_user THEN "published" ELSE "free"]
    /\ in = [t \in Tasks |-> FALSE]
    /\ pc = [t \in Tasks |-> IF Rank(t, TaskIds) <= n_user THEN "user_1" ELSE "idle"]
    /\ acquire_tmp1 = [t \in Tasks |-> FALSE]
    /\ acquire_tmp2 = [t \in Tasks |-> FALSE]

-------------------------------------------------------------------------------
(* user() *)

user_1(self) ==                           \* void user(void)  test_and_set.kc:26
    /\ Goto(self, "user_1", "acquire_busy")
    /\ UNCHANGED <<locked, task_vars, acquire_vars>>

user_enter(self) ==                       \* current->in = true;  test_and_set.kc:30
    /\ Goto(self, "user_enter", "user_leave")
    /\ in' = [in EXCEPT ![self] = TRUE]
    /\ UNCHANGED <<locked, task_life, acquire_vars>>

user_leave(self) ==                       \* current->in = false;  test_and_set.kc:31
    /\ Goto(self, "user_leave", "release_free")
    /\ in' = [in EXCEPT ![self] = FALSE]
    /\ UNCHANGED <<locked, task_life, acquire_vars>>

user(self) ==
    \/ user_1(self) \/ user_enter(self) \/ user_leave(self)

(* acquire() *)

acquire_busy(self) ==                     \* if (test_bit(0, &locked))  test_and_set.kc:15
    /\ Goto(self, "acquire_busy", "acquire_busy_2")
    /\ acquire_tmp1' = [acquire_tmp1 EXCEPT ![self] = BitAnd(locked, 1) # 0]
    /\ UNCHANGED <<locked, task_vars, acquire_tmp2>>

acquire_1(self) ==                        \* goto busy;  test_and_set.kc:16
    /\ Goto(self, "acquire_1", "acquire_busy")
    /\ UNCHANGED <<locked, task_vars, acquire_vars>>

acquire_take(self) ==                     \* if (test_and_set_bit(0, &locked))  test_and_set.kc:17
    /\ Goto(self, "acquire_take", "acquire_take_2")
    /\ acquire_tmp2' = [acquire_tmp2 EXCEPT ![self] = BitAnd(locked, 1) # 0]
    /\ locked' = BitOr(locked, 1)
    /\ UNCHANGED <<task_vars, acquire_tmp1>>

acquire_busy_2(self) ==                   \* if (test_bit(0, &locked))  test_and_set.kc:15
    /\ Goto(self, "acquire_busy_2", IF acquire_tmp1[self] THEN "acquire_1" ELSE "acquire_take")
    /\ acquire_tmp1' = [acquire_tmp1 EXCEPT ![self] = FALSE]
    /\ UNCHANGED <<locked, task_vars, acquire_tmp2>>

acquire_2(self) ==                        \* goto busy;  test_and_set.kc:18
    /\ Goto(self, "acquire_2", "acquire_busy")
    /\ UNCHANGED <<locked, task_vars, acquire_vars>>

acquire_take_2(self) ==                   \* if (test_and_set_bit(0, &locked))  test_and_set.kc:17
    /\ Goto(self, "acquire_take_2", IF acquire_tmp2[self] THEN "acquire_2" ELSE "user_enter")
    /\ acquire_tmp2' = [acquire_tmp2 EXCEPT ![self] = FALSE]
    /\ UNCHANGED <<locked, task_vars, acquire_tmp1>>

acquire(self) ==
    \/ acquire_busy(self) \/ acquire_1(self) \/ acquire_take(self) \/ acquire_busy_2(self)
    \/ acquire_2(self) \/ acquire_take_2(self)

(* release() *)

release_free(self) ==                     \* clear_bit(0, &locked);  test_and_set.kc:23
    /\ Goto(self, "release_free", "acquire_busy")
    /\ locked' = BitAnd(locked, (-2))
    /\ UNCHANGED <<task_vars, acquire_vars>>

release(self) ==
    \/ release_free(self)

-------------------------------------------------------------------------------
Step(self) ==
    \/ user(self) \/ acquire(self) \/ release(self)

Finished ==
    \A t \in Tasks : pc[t] \in {"idle"}

Terminating ==  \* all is done: stutter, so that this is no deadlock
    Finished /\ UNCHANGED vars

Next == (\E self \in Tasks : Step(self)) \/ Terminating

Fairness == \A self \in Tasks : WF_vars(Step(self))

Spec     == Init /\ [][Next]_vars
FairSpec == Spec /\ Fairness


-------------------------------------------------------------------------------
\* test_and_set.kc:41: prove mutual_exclusion
MutualExclusion ==
    \A a \in Tasks :
      task_life[a] = "free" \/ (\A b2 \in Tasks : task_life[b2] = "free" \/ ~(a # b2 /\ in[a]
          /\ in[b2]))

\* test_and_set.kc:42: prove locked_while_in
LockedWhileIn ==
    \A t2 \in Tasks :
      task_life[t2] = "free" \/ ~in[t2] \/ locked # 0

\* test_and_set.kc:46: reach user.enter
NeverAtUserEnter ==
    \A thread \in Tasks :
      pc[thread] # "user_enter"

\* test_and_set.kc:47: reach release.free
NeverAtReleaseFree ==
    \A thread \in Tasks :
      pc[thread] # "release_free"

===============================================================================

----------------------------- MODULE Philosophers -----------------------------
(*****************************************************************************)
(* System `ordered` of philosophers.kc, written by verify X.                 *)
(*                                                                           *)
(* philosophers.kc                                                           *)
(* b99a275bd3d92d8da33c8c89563b1d1bce30b227b8d2ce4a87e78a9496dacada          *)
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
    ForkIds,          \* cells for each struct fork, in the order in which the first are taken
    TaskIds,          \* cells for each struct task, in the order in which the first are taken
    NULL              \* the pointer to nothing

Forks == {ForkIds[i] : i \in DOMAIN ForkIds}
Tasks == {TaskIds[i] : i \in DOMAIN TaskIds}

ASSUME Cells ==
    /\ \A i, j \in DOMAIN ForkIds : ForkIds[i] = ForkIds[j] => i = j
    /\ \A i, j \in DOMAIN TaskIds : TaskIds[i] = TaskIds[j] => i = j
    /\ NULL \notin Forks
    /\ NULL \notin Tasks
    /\ Forks \cap Tasks = {}

one == ForkIds[1]
two == ForkIds[2]
three == ForkIds[3]
four == ForkIds[4]
five == ForkIds[5]

VARIABLES
    fork_life,                        \* whether a struct fork is there, and known to others
    lock,                             \* fork->lock, a lock: its owner
    task_life,                        \* whether a struct task is there, and known to others
    first,                            \* task->first
    second,                           \* task->second
    eats,                             \* task->eats
    pc,                               \* where each thread stands
    dine_tmp1,                        \* between two steps of dine
    dine_tmp2,                        \* between two steps of dine
    dine_tmp3,                        \* between two steps of dine
    dine_tmp4                         \* between two steps of dine

fork_vars == <<fork_life, lock>>

task_vars == <<task_life, first, second, eats>>

dine_vars == <<dine_tmp1, dine_tmp2, dine_tmp3, dine_tmp4>>

vars == <<fork_vars, task_vars, pc, dine_vars>>

TypeOK ==
    /\ fork_life \in [Forks -> {"free", "private", "published"}]
    /\ lock \in [Forks -> Tasks \cup {NULL}]
    /\ task_life \in [Tasks -> {"free", "private", "published"}]
    /\ first \in [Tasks -> Forks \cup {NULL}]
    /\ second \in [Tasks -> Forks \cup {NULL}]
    /\ eats \in [Tasks -> BOOLEAN]
    /\ pc \in [Tasks -> {"idle", "null_dereference", "bad_unlock", "dine_1", "dine_first",
         "dine_first_2", "dine_second", "dine_second_2", "dine_eat", "dine_2", "dine_3", "dine_4",
         "dine_5", "dine_6"}]
    /\ dine_tmp1 \in [Tasks -> Forks \cup {NULL}]
    /\ dine_tmp2 \in [Tasks -> Forks \cup {NULL}]
    /\ dine_tmp3 \in [Tasks -> Forks \cup {NULL}]
    /\ dine_tmp4 \in [Tasks -> Forks \cup {NULL}]

-------------------------------------------------------------------------------
(* Helpers *)
Goto(self, from, to) == pc[self] = from /\ pc' = [pc EXCEPT ![self] = to]
Rank(c, ids) == CHOOSE i \in DOMAIN ids : ids[i] = c
Get(f, c, zero) == IF c = NULL THEN zero ELSE f[c]  \* what is read through NULL is zero
PlaceNumber(x) ==
    IF x = "idle" THEN 0 ELSE IF x = "null_dereference" THEN 2 ELSE IF x = "bad_unlock" THEN 5
      ELSE IF x = "dine_1" THEN 6 ELSE IF x = "dine_first" THEN 8 ELSE IF x = "dine_first_2" THEN 11
      ELSE IF x = "dine_second" THEN 12 ELSE IF x = "dine_second_2" THEN 13 ELSE IF x = "dine_eat"
      THEN 14 ELSE IF x = "dine_2" THEN 15 ELSE IF x = "dine_3" THEN 16 ELSE IF x = "dine_4" THEN 17
      ELSE IF x = "dine_5" THEN 18 ELSE IF x = "dine_6" THEN 19 ELSE 0

-------------------------------------------------------------------------------
Init ==
    \E n_a \in 0..Len(TaskIds) :
    \E n_b \in 0..Len(TaskIds) :
    \E n_c \in 0..Len(TaskIds) :
    /\ n_a + n_b + n_c = Len(TaskIds)
    /\ n_a + n_b + n_c > 0
    /\ fork_life = [t \in Forks |-> IF Rank(t, ForkIds) <= 5 THEN "published" ELSE "free"]
    /\ lock = [t \in Forks |-> NULL]
    /\ task_life = [t \in Tasks |-> IF Rank(t, TaskIds) <= n_a + n_b + n_c THEN "published"
         ELSE "free"]
    /\ first = [t \in Tasks |-> IF Rank(t, TaskIds) <= n_a THEN one
         ELSE IF Rank(t, TaskIds) <= n_a + n_b THEN two ELSE IF Rank(t, TaskIds) <= n_a + n_b + n_c
         THEN one ELSE NULL]
    /\ second = [t \in Tasks |-> IF Rank(t, TaskIds) <= n_a THEN two
         ELSE IF Rank(t, TaskIds) <= n_a + n_b THEN three
         ELSE IF Rank(t, TaskIds) <= n_a + n_b + n_c THEN three ELSE NULL]
    /\ eats = [t \in Tasks |-> FALSE]
    /\ pc = [t \in Tasks |-> IF Rank(t, TaskIds) <= n_a THEN "dine_1"
         ELSE IF Rank(t, TaskIds) <= n_a + n_b THEN "dine_1"
         ELSE IF Rank(t, TaskIds) <= n_a + n_b + n_c THEN "dine_1" ELSE "idle"]
    /\ dine_tmp1 = [t \in Tasks |-> NULL]
    /\ dine_tmp2 = [t \in Tasks |-> NULL]
    /\ dine_tmp3 = [t \in Tasks |-> NULL]
    /\ dine_tmp4 = [t \in Tasks |-> NULL]

-------------------------------------------------------------------------------
(* dine() *)

dine_1(self) ==                           \* void dine(void)  philosophers.kc:20
    /\ Goto(self, "dine_1", "dine_first")
    /\ UNCHANGED <<fork_vars, task_vars, dine_vars>>

dine_first(self) ==                       \* mutex_lock(&current->first->lock);  philosophers.kc:23
    /\ Goto(self, "dine_first", "dine_first_2")
    /\ dine_tmp1' = [dine_tmp1 EXCEPT ![self] = first[self]]
    /\ UNCHANGED <<fork_vars, task_vars, dine_tmp2, dine_tmp3, dine_tmp4>>

dine_first_2(self) ==                     \* mutex_lock(&current->first->lock);  philosophers.kc:23
    /\ pc[self] = "dine_first_2"
    /\ \/ /\ dine_tmp1[self] = NULL
          /\ pc' = [pc EXCEPT ![self] = "null_dereference"]
          /\ dine_tmp1' = [dine_tmp1 EXCEPT ![self] = NULL]
          /\ UNCHANGED <<lock>>
       \/ /\ dine_tmp1[self] # NULL
          /\ lock[dine_tmp1[self]] = NULL
          /\ pc' = [pc EXCEPT ![self] = "dine_second"]
          /\ lock' = [lock EXCEPT ![dine_tmp1[self]] = self]
          /\ dine_tmp1' = [dine_tmp1 EXCEPT ![self] = NULL]
    /\ UNCHANGED <<fork_life, task_vars, dine_tmp2, dine_tmp3, dine_tmp4>>

dine_second(self) ==                      \* mutex_lock(&current->second->lock);  philosophers.kc:24
    /\ Goto(self, "dine_second", "dine_second_2")
    /\ dine_tmp2' = [dine_tmp2 EXCEPT ![self] = second[self]]
    /\ UNCHANGED <<fork_vars, task_vars, dine_tmp1, dine_tmp3, dine_tmp4>>

dine_second_2(self) ==                    \* mutex_lock(&current->second->lock);  philosophers.kc:24
    /\ pc[self] = "dine_second_2"
    /\ \/ /\ dine_tmp2[self] = NULL
          /\ pc' = [pc EXCEPT ![self] = "null_dereference"]
          /\ dine_tmp2' = [dine_tmp2 EXCEPT ![self] = NULL]
          /\ UNCHANGED <<lock>>
       \/ /\ dine_tmp2[self] # NULL
          /\ lock[dine_tmp2[self]] = NULL
          /\ pc' = [pc EXCEPT ![self] = "dine_eat"]
          /\ lock' = [lock EXCEPT ![dine_tmp2[self]] = self]
          /\ dine_tmp2' = [dine_tmp2 EXCEPT ![self] = NULL]
    /\ UNCHANGED <<fork_life, task_vars, dine_tmp1, dine_tmp3, dine_tmp4>>

dine_eat(self) ==                         \* current->eats = true;  philosophers.kc:25
    /\ Goto(self, "dine_eat", "dine_2")
    /\ eats' = [eats EXCEPT ![self] = TRUE]
    /\ UNCHANGED <<fork_vars, task_life, first, second, dine_vars>>

dine_2(self) ==                           \* current->eats = false;  philosophers.kc:26
    /\ Goto(self, "dine_2", "dine_3")
    /\ eats' = [eats EXCEPT ![self] = FALSE]
    /\ UNCHANGED <<fork_vars, task_life, first, second, dine_vars>>

dine_3(self) ==                           \* mutex_unlock(&current->second->lock);  philosophers....
    /\ Goto(self, "dine_3", "dine_4")
    /\ dine_tmp3' = [dine_tmp3 EXCEPT ![self] = second[self]]
    /\ UNCHANGED <<fork_vars, task_vars, dine_tmp1, dine_tmp2, dine_tmp4>>

dine_4(self) ==                           \* mutex_unlock(&current->second->lock);  philosophers....
    /\ pc[self] = "dine_4"
    /\ \/ /\ dine_tmp3[self] = NULL
          /\ pc' = [pc EXCEPT ![self] = "null_dereference"]
          /\ dine_tmp3' = [dine_tmp3 EXCEPT ![self] = NULL]
          /\ UNCHANGED <<lock>>
       \/ /\ dine_tmp3[self] # NULL
          /\ lock[dine_tmp3[self]] # self
          /\ pc' = [pc EXCEPT ![self] = "bad_unlock"]
          /\ dine_tmp3' = [dine_tmp3 EXCEPT ![self] = NULL]
          /\ UNCHANGED <<lock>>
       \/ /\ dine_tmp3[self] # NULL
          /\ lock[dine_tmp3[self]] = self
          /\ pc' = [pc EXCEPT ![self] = "dine_5"]
          /\ lock' = [lock EXCEPT ![dine_tmp3[self]] = NULL]
          /\ dine_tmp3' = [dine_tmp3 EXCEPT ![self] = NULL]
    /\ UNCHANGED <<fork_life, task_vars, dine_tmp1, dine_tmp2, dine_tmp4>>

dine_5(self) ==                           \* mutex_unlock(&current->first->lock);  philosophers.k...
    /\ Goto(self, "dine_5", "dine_6")
    /\ dine_tmp4' = [dine_tmp4 EXCEPT ![self] = first[self]]
    /\ UNCHANGED <<fork_vars, task_vars, dine_tmp1, dine_tmp2, dine_tmp3>>

dine_6(self) ==                           \* mutex_unlock(&current->first->lock);  philosophers.k...
    /\ pc[self] = "dine_6"
    /\ \/ /\ dine_tmp4[self] = NULL
          /\ pc' = [pc EXCEPT ![self] = "null_dereference"]
          /\ dine_tmp4' = [dine_tmp4 EXCEPT ![self] = NULL]
          /\ UNCHANGED <<lock>>
       \/ /\ dine_tmp4[self] # NULL
          /\ lock[dine_tmp4[self]] # self
          /\ pc' = [pc EXCEPT ![self] = "bad_unlock"]
          /\ dine_tmp4' = [dine_tmp4 EXCEPT ![self] = NULL]
          /\ UNCHANGED <<lock>>
       \/ /\ dine_tmp4[self] # NULL
          /\ lock[dine_tmp4[self]] = self
          /\ pc' = [pc EXCEPT ![self] = "dine_first"]
          /\ lock' = [lock EXCEPT ![dine_tmp4[self]] = NULL]
          /\ dine_tmp4' = [dine_tmp4 EXCEPT ![self] = NULL]
    /\ UNCHANGED <<fork_life, task_vars, dine_tmp1, dine_tmp2, dine_tmp3>>

dine(self) ==
    \/ dine_1(self) \/ dine_first(self) \/ dine_first_2(self) \/ dine_second(self)
    \/ dine_second_2(self) \/ dine_eat(self) \/ dine_2(self) \/ dine_3(self)
    \/ dine_4(self) \/ dine_5(self) \/ dine_6(self)

-------------------------------------------------------------------------------
Step(self) ==
    \/ dine(self)

Finished ==
    \A t \in Tasks : pc[t] \in {"idle", "null_dereference", "bad_unlock"}

Terminating ==  \* all is done: stutter, so that this is no deadlock
    Finished /\ UNCHANGED vars

Next == (\E self \in Tasks : Step(self)) \/ Terminating

Fairness == \A self \in Tasks : WF_vars(Step(self))

Spec     == Init /\ [][Next]_vars
FairSpec == Spec /\ Fairness


-------------------------------------------------------------------------------
\* philosophers.kc:65: prove alone in ordered
Alone ==
    \A p \in Tasks :
      task_life[p] = "free" \/ (\A q2 \in Tasks : task_life[q2] = "free" \/ ~(p # q2 /\ eats[p]
          /\ eats[q2] /\ (first[p] = first[q2] \/ first[p] = second[q2] \/ second[p] = first[q2]
          \/ second[p] = second[q2])))

\* philosophers.kc:66: prove no_circle in ordered
NoCircle ==
    \A p \in Tasks :
      task_life[p] = "free" \/ (\A q2 \in Tasks : task_life[q2] = "free"
          \/ (\A r \in Tasks : task_life[r] = "free" \/ ~(pc[p] = "dine_second"
          /\ Get(lock, second[p], NULL) # NULL /\ pc[q2] = "dine_second"
          /\ Get(lock, second[q2], NULL) # NULL /\ pc[r] = "dine_second"
          /\ Get(lock, second[r], NULL) # NULL /\ second[p] = first[q2] /\ second[q2] = first[r]
          /\ second[r] = first[p])))

\* philosophers.kc:69: deadlock_free in ordered
DeadlockFree ==
    Finished \/ \E self \in Tasks : ENABLED Step(self)

\* philosophers.kc:74: reach dine.eat in ordered
NeverAtDineEat ==
    \A thread \in Tasks :
      pc[thread] # "dine_eat"

\* philosophers.kc:76: lock_balanced in ordered
LockBalanced ==
    /\ (\A thread \in Tasks : pc[thread] # "bad_unlock")
    /\ (\A thread \in Tasks : PlaceNumber(pc[thread]) # 1
         \/ (\A each_fork \in Forks : lock[each_fork] # thread))

===============================================================================

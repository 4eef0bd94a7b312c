--------------------------- MODULE PhilosophersPcal ---------------------------
(*****************************************************************************)
(* System `ordered` of philosophers.kc, written by verify X.                 *)
(*                                                                           *)
(* philosophers.kc                                                           *)
(* b99a275bd3d92d8da33c8c89563b1d1bce30b227b8d2ce4a87e78a9496dacada          *)
(*                                                                           *)
(* A label is one step of a thread, with at most one access to shared        *)
(* memory, and carries the statement that it comes from. Memory is           *)
(* sequentially consistent. A local that is not needed any more is reset, as *)
(* is a cell that is free: the number of states depends on that.             *)
(*                                                                           *)
(* A thread waits at `idle` until it is started; `runs` says where it        *)
(* begins. `place` is where it stands, for the properties.                   *)
(*                                                                           *)
(* Translate it, then check it; both are in tla2tools.jar:                   *)
(* java -cp tla2tools.jar pcal.trans -nocfg PhilosophersPcal                 *)
(* java -cp tla2tools.jar tlc2.TLC -deadlock MCPhilosophersPcal              *)
(*****************************************************************************)
EXTENDS Integers, Sequences, FiniteSets

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

Rank(c, ids) == CHOOSE i \in DOMAIN ids : ids[i] = c
Get(f, c, zero) == IF c = NULL THEN zero ELSE f[c]  \* what is read through NULL is zero
PlaceNumber(x) ==
    IF x = "idle" THEN 0 ELSE IF x = "null_dereference" THEN 2 ELSE IF x = "bad_unlock" THEN 5
      ELSE IF x = "dine_1" THEN 6 ELSE IF x = "dine_first" THEN 8 ELSE IF x = "dine_first_2" THEN 11
      ELSE IF x = "dine_second" THEN 12 ELSE IF x = "dine_second_2" THEN 13 ELSE IF x = "dine_eat"
      THEN 14 ELSE IF x = "dine_2" THEN 15 ELSE IF x = "dine_3" THEN 16 ELSE IF x = "dine_4" THEN 17
      ELSE IF x = "dine_5" THEN 18 ELSE IF x = "dine_6" THEN 19 ELSE 0

Casts ==  \* how many tasks there may be in each group
    {n \in [{"a", "b", "c"} -> 0..Len(TaskIds)] :
        /\ n["a"] + n["b"] + n["c"] = Len(TaskIds)
        /\ n["a"] + n["b"] + n["c"] > 0
    }

Starts ==  \* what depends on that may begin with one of these
    {[
        runs |-> {[t \in Tasks |-> IF Rank(t, TaskIds) <= n["a"] THEN "dine_1"
            ELSE IF Rank(t, TaskIds) <= n["a"] + n["b"] THEN "dine_1"
            ELSE IF Rank(t, TaskIds) <= n["a"] + n["b"] + n["c"] THEN "dine_1" ELSE "idle"]},
        task_life |-> {[t \in Tasks |-> IF Rank(t, TaskIds) <= n["a"] + n["b"] + n["c"]
            THEN "published" ELSE "free"]},
        first |-> {[t \in Tasks |-> IF Rank(t, TaskIds) <= n["a"] THEN one
            ELSE IF Rank(t, TaskIds) <= n["a"] + n["b"] THEN two
            ELSE IF Rank(t, TaskIds) <= n["a"] + n["b"] + n["c"] THEN one ELSE NULL]},
        second |-> {[t \in Tasks |-> IF Rank(t, TaskIds) <= n["a"] THEN two
            ELSE IF Rank(t, TaskIds) <= n["a"] + n["b"] THEN three
            ELSE IF Rank(t, TaskIds) <= n["a"] + n["b"] + n["c"] THEN three ELSE NULL]}
    ] : n \in Casts}

(* --algorithm PhilosophersPcal {

variables
    runs \in UNION {s.runs : s \in Starts};  \* where a thread at `idle` begins
    \* whether a struct fork is there, and known to others
    fork_life = [t \in Forks |-> IF Rank(t, ForkIds) <= 5 THEN "published" ELSE "free"];
    lock = [t \in Forks |-> NULL];           \* fork->lock, a lock: its owner
    \* whether a struct task is there, and known to others
    task_life \in UNION {s.task_life : s \in {s \in Starts : runs \in s.runs}};
    \* task->first
    first \in UNION {s.first : s \in {s \in Starts : runs \in s.runs /\ task_life \in s.task_life}};
    \* task->second
    second \in UNION {s.second : s \in {s \in Starts : runs \in s.runs /\ task_life \in s.task_life
        /\ first \in s.first}};
    eats = [t \in Tasks |-> FALSE];          \* task->eats

define {
    place == [t \in Tasks |->
        IF pc[t] = "idle" THEN runs[t] ELSE pc[t]]
}

macro mutex_lock(l) { await l = NULL; l := self; }
macro mutex_unlock(l) { l := NULL; }

process (task \in Tasks)
variables
    dine_tmp1 = NULL;  \* between two steps of dine
    dine_tmp2 = NULL;  \* between two steps of dine
    dine_tmp3 = NULL;  \* between two steps of dine
    dine_tmp4 = NULL;  \* between two steps of dine
{
idle:                                     \* until it is started; runs[self] is where it begins
    await runs[self] = "dine_1";          \* void dine(void)  philosophers.kc:20
    runs[self] := "idle";
    goto dine_first;

\* dine()
dine_first:                               \* mutex_lock(&current->first->lock);  philosophers.kc:23
    dine_tmp1 := first[self];
dine_first_2:                             \* mutex_lock(&current->first->lock);  philosophers.kc:23
    if (dine_tmp1 = NULL) {
        dine_tmp1 := NULL;
        goto null_dereference;
    } else {
        mutex_lock(lock[dine_tmp1]);
        dine_tmp1 := NULL;
    };
dine_second:                              \* mutex_lock(&current->second->lock);  philosophers.kc:24
    dine_tmp2 := second[self];
dine_second_2:                            \* mutex_lock(&current->second->lock);  philosophers.kc:24
    if (dine_tmp2 = NULL) {
        dine_tmp2 := NULL;
        goto null_dereference;
    } else {
        mutex_lock(lock[dine_tmp2]);
        dine_tmp2 := NULL;
    };
dine_eat:                                 \* current->eats = true;  philosophers.kc:25
    eats[self] := TRUE;
dine_2:                                   \* current->eats = false;  philosophers.kc:26
    eats[self] := FALSE;
dine_3:                                   \* mutex_unlock(&current->second->lock);  philosophers....
    dine_tmp3 := second[self];
dine_4:                                   \* mutex_unlock(&current->second->lock);  philosophers....
    if (dine_tmp3 = NULL) {
        dine_tmp3 := NULL;
        goto null_dereference;
    } else if (lock[dine_tmp3] # self) {
        dine_tmp3 := NULL;
        goto bad_unlock;
    } else {
        mutex_unlock(lock[dine_tmp3]);
        dine_tmp3 := NULL;
    };
dine_5:                                   \* mutex_unlock(&current->first->lock);  philosophers.k...
    dine_tmp4 := first[self];
dine_6:                                   \* mutex_unlock(&current->first->lock);  philosophers.k...
    if (dine_tmp4 = NULL) {
        dine_tmp4 := NULL;
        goto null_dereference;
    } else if (lock[dine_tmp4] # self) {
        dine_tmp4 := NULL;
        goto bad_unlock;
    } else {
        mutex_unlock(lock[dine_tmp4]);
        dine_tmp4 := NULL;
        goto dine_first;
    };

\* where a thread stays for ever
null_dereference:
    await FALSE;
bad_unlock:
    await FALSE;
}

} *)
\* BEGIN TRANSLATION
\* END TRANSLATION

TypeOK ==
    /\ fork_life \in [Forks -> {"free", "private", "published"}]
    /\ lock \in [Forks -> Tasks \cup {NULL}]
    /\ task_life \in [Tasks -> {"free", "private", "published"}]
    /\ first \in [Tasks -> Forks \cup {NULL}]
    /\ second \in [Tasks -> Forks \cup {NULL}]
    /\ eats \in [Tasks -> BOOLEAN]
    /\ place \in [Tasks -> {"idle", "null_dereference", "bad_unlock", "dine_1", "dine_first",
         "dine_first_2", "dine_second", "dine_second_2", "dine_eat", "dine_2", "dine_3", "dine_4",
         "dine_5", "dine_6"}]
    /\ dine_tmp1 \in [Tasks -> Forks \cup {NULL}]
    /\ dine_tmp2 \in [Tasks -> Forks \cup {NULL}]
    /\ dine_tmp3 \in [Tasks -> Forks \cup {NULL}]
    /\ dine_tmp4 \in [Tasks -> Forks \cup {NULL}]
    /\ runs \in [Tasks -> {"idle", "dine_1"}]

Step(self) == task(self)

Finished ==
    \A t \in Tasks : place[t] \in {"idle", "null_dereference", "bad_unlock"}

FairSpec == Spec /\ \A self \in Tasks : WF_vars(Step(self))

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
          \/ (\A r \in Tasks : task_life[r] = "free" \/ ~(place[p] = "dine_second"
          /\ Get(lock, second[p], NULL) # NULL /\ place[q2] = "dine_second"
          /\ Get(lock, second[q2], NULL) # NULL /\ place[r] = "dine_second"
          /\ Get(lock, second[r], NULL) # NULL /\ second[p] = first[q2] /\ second[q2] = first[r]
          /\ second[r] = first[p])))

\* philosophers.kc:69: deadlock_free in ordered
DeadlockFree ==
    Finished \/ \E self \in Tasks : ENABLED Step(self)

\* philosophers.kc:74: reach dine.eat in ordered
NeverAtDineEat ==
    \A thread \in Tasks :
      place[thread] # "dine_eat"

\* philosophers.kc:76: lock_balanced in ordered
LockBalanced ==
    /\ (\A thread \in Tasks : place[thread] # "bad_unlock")
    /\ (\A thread \in Tasks : PlaceNumber(place[thread]) # 1
         \/ (\A each_fork \in Forks : lock[each_fork] # thread))

===============================================================================

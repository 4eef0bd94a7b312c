------------------------------- MODULE Refcount -------------------------------
(*****************************************************************************)
(* System `system` of refcount.kc, written by verify X.                      *)
(*                                                                           *)
(* refcount.kc                                                               *)
(* eca6cf2bfcb31ad0337536939a5da7090cad4becbde46b7cb1bd88e01cd90fea          *)
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
    ObjectIds,        \* cells for each struct object, in the order in which the first are taken
    TaskIds,          \* cells for each struct task, in the order in which the first are taken
    NULL              \* the pointer to nothing

Objects == {ObjectIds[i] : i \in DOMAIN ObjectIds}
Tasks == {TaskIds[i] : i \in DOMAIN TaskIds}

ASSUME Cells ==
    /\ \A i, j \in DOMAIN ObjectIds : ObjectIds[i] = ObjectIds[j] => i = j
    /\ \A i, j \in DOMAIN TaskIds : TaskIds[i] = TaskIds[j] => i = j
    /\ NULL \notin Objects
    /\ NULL \notin Tasks
    /\ Objects \cap Tasks = {}

VARIABLES
    shared,                           \* shared
    lock,                             \* lock, a lock: its owner
    object_life,                      \* whether a struct object is there, and known to others
    refs,                             \* object->refs
    used,                             \* object->used
    task_life,                        \* whether a struct task is there, and known to others
    pc,                               \* where each thread stands
    use_tmp1,                         \* between two steps of use
    get_p,                            \* local p of get
    use_p,                            \* local p of use
    use_tmp2,                         \* between two steps of use
    drop_p,                           \* local p of drop
    drop_last,                        \* local last of drop
    replace_fresh,                    \* local fresh of replace
    replace_old,                      \* local old of replace
    replace_tmp1                      \* between two steps of replace

global_vars == <<shared, lock>>

object_vars == <<object_life, refs, used>>

use_vars == <<use_tmp1, use_p, use_tmp2>>

drop_vars == <<drop_p, drop_last>>

replace_vars == <<replace_fresh, replace_old, replace_tmp1>>

vars == <<global_vars, object_vars, task_life, pc, use_vars, get_p, drop_vars, replace_vars>>

TypeOK ==
    /\ shared \in Objects \cup {NULL}
    /\ lock \in Tasks \cup {NULL}
    /\ object_life \in [Objects -> {"free", "private", "published"}]
    /\ refs \in [Objects -> 0..3]
    /\ used \in [Objects -> BOOLEAN]
    /\ task_life \in [Tasks -> {"free", "private", "published"}]
    /\ pc \in [Tasks -> {"idle", "use_after_free", "bad_unlock", "user_1", "user_2", "get_lock",
         "use_1", "get_1", "get_2", "get_full", "get_out", "get_3", "ref_1", "get_4", "use_2",
         "use_touch", "use_touch_2", "use_3", "drop_1", "drop_2", "drop_free", "replace_1",
         "replace_2", "replace_3", "replace_4", "replace_5", "replace_swap", "replace_6",
         "replace_7", "replace_8", "drop_3", "drop_4", "drop_free_2"}]
    /\ use_tmp1 \in [Tasks -> Objects \cup {NULL}]
    /\ get_p \in [Tasks -> Objects \cup {NULL}]
    /\ use_p \in [Tasks -> Objects \cup {NULL}]
    /\ use_tmp2 \in [Tasks -> BOOLEAN]
    /\ drop_p \in [Tasks -> Objects \cup {NULL}]
    /\ drop_last \in [Tasks -> BOOLEAN]
    /\ replace_fresh \in [Tasks -> Objects \cup {NULL}]
    /\ replace_old \in [Tasks -> Objects \cup {NULL}]
    /\ replace_tmp1 \in [Tasks -> Objects \cup {NULL}]

-------------------------------------------------------------------------------
(* Helpers *)
Goto(self, from, to) == pc[self] = from /\ pc' = [pc EXCEPT ![self] = to]
Rank(c, ids) == CHOOSE i \in DOMAIN ids : ids[i] = c
Unsigned(x, n) == x % n  \* n is a power of 2
PlaceNumber(x) ==
    IF x = "idle" THEN 0 ELSE IF x = "use_after_free" THEN 3 ELSE IF x = "bad_unlock" THEN 5
      ELSE IF x = "user_1" THEN 6 ELSE IF x = "user_2" THEN 8 ELSE IF x = "get_lock" THEN 12
      ELSE IF x = "use_1" THEN 14 ELSE IF x = "get_1" THEN 15 ELSE IF x = "get_2" THEN 16
      ELSE IF x = "get_full" THEN 19 ELSE IF x = "get_out" THEN 20 ELSE IF x = "get_3" THEN 22
      ELSE IF x = "ref_1" THEN 24 ELSE IF x = "get_4" THEN 31 ELSE IF x = "use_2" THEN 33
      ELSE IF x = "use_touch" THEN 34 ELSE IF x = "use_touch_2" THEN 37 ELSE IF x = "use_3" THEN 38
      ELSE IF x = "drop_1" THEN 39 ELSE IF x = "drop_2" THEN 44 ELSE IF x = "drop_free" THEN 45
      ELSE IF x = "replace_1" THEN 49 ELSE IF x = "replace_2" THEN 51 ELSE IF x = "replace_3"
      THEN 52 ELSE IF x = "replace_4" THEN 55 ELSE IF x = "replace_5" THEN 57
      ELSE IF x = "replace_swap" THEN 58 ELSE IF x = "replace_6" THEN 59 ELSE IF x = "replace_7"
      THEN 60 ELSE IF x = "replace_8" THEN 61 ELSE IF x = "drop_3" THEN 64 ELSE IF x = "drop_4"
      THEN 69 ELSE IF x = "drop_free_2" THEN 70 ELSE 0

-------------------------------------------------------------------------------
Init ==
    \E n_user \in 0..Len(TaskIds) :
    /\ n_user = Len(TaskIds)
    /\ n_user > 0
    /\ shared = NULL
    /\ lock = NULL
    /\ object_life = [t \in Objects |-> "free"]
    /\ refs = [t \in Objects |-> 0]
    /\ used = [t \in Objects |-> FALSE]
    /\ task_life = [t \in Tasks |-> IF Rank(t, TaskIds) <= n_user THEN "published" ELSE "free"]
    /\ pc = [t \in Tasks |-> IF Rank(t, TaskIds) <= n_user THEN "user_1" ELSE "idle"]
    /\ use_tmp1 = [t \in Tasks |-> NULL]
    /\ get_p = [t \in Tasks |-> NULL]
    /\ use_p = [t \in Tasks |-> NULL]
    /\ use_tmp2 = [t \in Tasks |-> FALSE]
    /\ drop_p = [t \in Tasks |-> NULL]
    /\ drop_last = [t \in Tasks |-> FALSE]
    /\ replace_fresh = [t \in Tasks |-> NULL]
    /\ replace_old = [t \in Tasks |-> NULL]
    /\ replace_tmp1 = [t \in Tasks |-> NULL]

-------------------------------------------------------------------------------
(* user() *)

user_1(self) ==                           \* void user(void)  refcount.kc:82
    /\ Goto(self, "user_1", "user_2")
    /\ UNCHANGED <<global_vars, object_vars, task_life, use_vars, get_p, drop_vars, replace_vars>>

user_2(self) ==                           \* choose  refcount.kc:85
    /\ pc[self] = "user_2"
    /\ \/ /\ pc' = [pc EXCEPT ![self] = "get_lock"]
       \/ /\ pc' = [pc EXCEPT ![self] = "replace_1"]
    /\ UNCHANGED <<global_vars, object_vars, task_life, use_vars, get_p, drop_vars, replace_vars>>

user(self) ==
    \/ user_1(self) \/ user_2(self)

(* get() *)

get_lock(self) ==                         \* spin_lock(&lock);  refcount.kc:31
    /\ Goto(self, "get_lock", "get_1")
    /\ lock = NULL
    /\ lock' = self
    /\ UNCHANGED <<shared, object_vars, task_life, use_vars, get_p, drop_vars, replace_vars>>

get_1(self) ==                            \* p = shared;  refcount.kc:32
    /\ Goto(self, "get_1", "get_2")
    /\ get_p' = [get_p EXCEPT ![self] = shared]
    /\ UNCHANGED <<global_vars, object_vars, task_life, use_vars, drop_vars, replace_vars>>

get_2(self) ==                            \* if (!p)  refcount.kc:33
    /\ Goto(self, "get_2", IF get_p[self] # NULL THEN "get_full" ELSE "get_out")
    /\ UNCHANGED <<global_vars, object_vars, task_life, use_vars, get_p, drop_vars, replace_vars>>

get_full(self) ==                         \* if (p->refs == 3)  refcount.kc:35
    /\ pc[self] = "get_full"
    /\ \/ /\ object_life[get_p[self]] = "free"
          /\ pc' = [pc EXCEPT ![self] = "use_after_free"]
          /\ get_p' = [get_p EXCEPT ![self] = NULL]
       \/ /\ object_life[get_p[self]] # "free"
          /\ refs[get_p[self]] = 3
          /\ pc' = [pc EXCEPT ![self] = "get_3"]
          /\ get_p' = [get_p EXCEPT ![self] = NULL]
       \/ /\ object_life[get_p[self]] # "free"
          /\ refs[get_p[self]] # 3
          /\ pc' = [pc EXCEPT ![self] = "ref_1"]
          /\ UNCHANGED <<get_p>>
    /\ UNCHANGED <<global_vars, object_vars, task_life, use_vars, drop_vars, replace_vars>>

get_out(self) ==                          \* spin_unlock(&lock);  refcount.kc:41
    /\ pc[self] = "get_out"
    /\ \/ /\ lock # self
          /\ pc' = [pc EXCEPT ![self] = "bad_unlock"]
          /\ get_p' = [get_p EXCEPT ![self] = NULL]
          /\ UNCHANGED <<lock>>
       \/ /\ lock = self
          /\ pc' = [pc EXCEPT ![self] = "get_4"]
          /\ lock' = NULL
          /\ UNCHANGED <<get_p>>
    /\ UNCHANGED <<shared, object_vars, task_life, use_vars, drop_vars, replace_vars>>

get_3(self) ==                            \* p = NULL;  refcount.kc:36
    /\ Goto(self, "get_3", "get_out")
    /\ get_p' = [get_p EXCEPT ![self] = NULL]
    /\ UNCHANGED <<global_vars, object_vars, task_life, use_vars, drop_vars, replace_vars>>

get_4(self) ==                            \* return p;  refcount.kc:42
    /\ Goto(self, "get_4", "use_1")
    /\ use_tmp1' = [use_tmp1 EXCEPT ![self] = get_p[self]]
    /\ get_p' = [get_p EXCEPT ![self] = NULL]
    /\ UNCHANGED <<global_vars, object_vars, task_life, use_p, use_tmp2, drop_vars, replace_vars>>

get(self) ==
    \/ get_lock(self) \/ get_1(self) \/ get_2(self) \/ get_full(self) \/ get_out(self)
    \/ get_3(self) \/ get_4(self)

(* use() *)

use_1(self) ==                            \* get()  refcount.kc:59
    /\ Goto(self, "use_1", "use_2")
    /\ use_p' = [use_p EXCEPT ![self] = use_tmp1[self]]
    /\ use_tmp1' = [use_tmp1 EXCEPT ![self] = NULL]
    /\ UNCHANGED <<global_vars, object_vars, task_life, use_tmp2, get_p, drop_vars, replace_vars>>

use_2(self) ==                            \* if (p)  refcount.kc:61
    /\ pc[self] = "use_2"
    /\ \/ /\ use_p[self] # NULL
          /\ pc' = [pc EXCEPT ![self] = "use_touch"]
          /\ UNCHANGED <<use_p>>
       \/ /\ use_p[self] = NULL
          /\ pc' = [pc EXCEPT ![self] = "user_2"]
          /\ use_p' = [use_p EXCEPT ![self] = NULL]
    /\ UNCHANGED <<global_vars, object_vars, task_life, use_tmp1, use_tmp2, get_p, drop_vars,
         replace_vars>>

use_touch(self) ==                        \* p->used = !p->used;  refcount.kc:62
    /\ pc[self] = "use_touch"
    /\ \/ /\ object_life[use_p[self]] = "free"
          /\ pc' = [pc EXCEPT ![self] = "use_after_free"]
          /\ use_p' = [use_p EXCEPT ![self] = NULL]
          /\ UNCHANGED <<use_tmp2>>
       \/ /\ object_life[use_p[self]] # "free"
          /\ pc' = [pc EXCEPT ![self] = "use_touch_2"]
          /\ use_tmp2' = [use_tmp2 EXCEPT ![self] = ~used[use_p[self]]]
          /\ UNCHANGED <<use_p>>
    /\ UNCHANGED <<global_vars, object_vars, task_life, use_tmp1, get_p, drop_vars, replace_vars>>

use_touch_2(self) ==                      \* p->used = !p->used;  refcount.kc:62
    /\ pc[self] = "use_touch_2"
    /\ \/ /\ object_life[use_p[self]] = "free"
          /\ pc' = [pc EXCEPT ![self] = "use_after_free"]
          /\ use_tmp2' = [use_tmp2 EXCEPT ![self] = FALSE]
          /\ use_p' = [use_p EXCEPT ![self] = NULL]
          /\ UNCHANGED <<used>>
       \/ /\ object_life[use_p[self]] # "free"
          /\ pc' = [pc EXCEPT ![self] = "use_3"]
          /\ used' = [used EXCEPT ![use_p[self]] = use_tmp2[self]]
          /\ use_tmp2' = [use_tmp2 EXCEPT ![self] = FALSE]
          /\ UNCHANGED <<use_p>>
    /\ UNCHANGED <<global_vars, object_life, refs, task_life, use_tmp1, get_p, drop_vars,
         replace_vars>>

use_3(self) ==                            \* drop(p);  refcount.kc:63
    /\ Goto(self, "use_3", "drop_1")
    /\ drop_p' = [drop_p EXCEPT ![self] = use_p[self]]
    /\ use_p' = [use_p EXCEPT ![self] = NULL]
    /\ UNCHANGED <<global_vars, object_vars, task_life, use_tmp1, use_tmp2, get_p, drop_last,
         replace_vars>>

use(self) ==
    \/ use_1(self) \/ use_2(self) \/ use_touch(self) \/ use_touch_2(self) \/ use_3(self)

(* ref() *)

ref_1(self) ==                            \* p->refs++;  refcount.kc:24
    /\ pc[self] = "ref_1"
    /\ \/ /\ object_life[get_p[self]] = "free"
          /\ pc' = [pc EXCEPT ![self] = "use_after_free"]
          /\ get_p' = [get_p EXCEPT ![self] = NULL]
          /\ UNCHANGED <<refs>>
       \/ /\ object_life[get_p[self]] # "free"
          /\ object_life[get_p[self]] = "free"
          /\ pc' = [pc EXCEPT ![self] = "use_after_free"]
          /\ get_p' = [get_p EXCEPT ![self] = NULL]
          /\ UNCHANGED <<refs>>
       \/ /\ object_life[get_p[self]] # "free"
          /\ pc' = [pc EXCEPT ![self] = "get_out"]
          /\ refs' = [refs EXCEPT ![get_p[self]] = Unsigned((refs[get_p[self]] + 1), 4)]
          /\ UNCHANGED <<get_p>>
    /\ UNCHANGED <<global_vars, object_life, used, task_life, use_vars, drop_vars, replace_vars>>

ref(self) ==
    \/ ref_1(self)

(* drop() *)

drop_1(self) ==                           \* p->refs--;  refcount.kc:50
    /\ pc[self] = "drop_1"
    /\ \/ /\ object_life[drop_p[self]] = "free"
          /\ pc' = [pc EXCEPT ![self] = "use_after_free"]
          /\ drop_p' = [drop_p EXCEPT ![self] = NULL]
          /\ UNCHANGED <<refs, drop_last>>
       \/ /\ object_life[drop_p[self]] # "free"
          /\ object_life[drop_p[self]] = "free"
          /\ pc' = [pc EXCEPT ![self] = "use_after_free"]
          /\ drop_p' = [drop_p EXCEPT ![self] = NULL]
          /\ UNCHANGED <<refs, drop_last>>
       \/ /\ object_life[drop_p[self]] # "free"
          /\ object_life[drop_p[self]] = "free"
          /\ pc' = [pc EXCEPT ![self] = "use_after_free"]
          /\ refs' = [refs EXCEPT ![drop_p[self]] = Unsigned((refs[drop_p[self]] - 1), 4)]
          /\ drop_p' = [drop_p EXCEPT ![self] = NULL]
          /\ UNCHANGED <<drop_last>>
       \/ /\ object_life[drop_p[self]] # "free"
          /\ pc' = [pc EXCEPT ![self] = "drop_2"]
          /\ refs' = [refs EXCEPT ![drop_p[self]] = Unsigned((refs[drop_p[self]] - 1), 4)]
          /\ drop_last' = [drop_last EXCEPT ![self] = Unsigned((refs[drop_p[self]] - 1), 4) = 0]
          /\ UNCHANGED <<drop_p>>
    /\ UNCHANGED <<global_vars, object_life, used, task_life, use_vars, get_p, replace_vars>>

drop_2(self) ==                           \* if (last)  refcount.kc:53
    /\ pc[self] = "drop_2"
    /\ \/ /\ drop_last[self]
          /\ pc' = [pc EXCEPT ![self] = "drop_free"]
          /\ drop_last' = [drop_last EXCEPT ![self] = FALSE]
          /\ UNCHANGED <<drop_p>>
       \/ /\ ~drop_last[self]
          /\ pc' = [pc EXCEPT ![self] = "user_2"]
          /\ drop_last' = [drop_last EXCEPT ![self] = FALSE]
          /\ drop_p' = [drop_p EXCEPT ![self] = NULL]
    /\ UNCHANGED <<global_vars, object_vars, task_life, use_vars, get_p, replace_vars>>

drop_free(self) ==                        \* kfree(p);  refcount.kc:54
    /\ pc[self] = "drop_free"
    /\ \/ /\ object_life[drop_p[self]] = "free"
          /\ pc' = [pc EXCEPT ![self] = "use_after_free"]
          /\ drop_p' = [drop_p EXCEPT ![self] = NULL]
          /\ UNCHANGED <<object_life, refs, used>>
       \/ /\ object_life[drop_p[self]] # "free"
          /\ pc' = [pc EXCEPT ![self] = "user_2"]
          /\ object_life' = [object_life EXCEPT ![drop_p[self]] = "free"]
          /\ refs' = [refs EXCEPT ![drop_p[self]] = 0]
          /\ used' = [used EXCEPT ![drop_p[self]] = FALSE]
          /\ drop_p' = [drop_p EXCEPT ![self] = NULL]
    /\ UNCHANGED <<global_vars, task_life, use_vars, get_p, drop_last, replace_vars>>

drop_3(self) ==                           \* p->refs--;  refcount.kc:50
    /\ pc[self] = "drop_3"
    /\ \/ /\ object_life[drop_p[self]] = "free"
          /\ pc' = [pc EXCEPT ![self] = "use_after_free"]
          /\ drop_p' = [drop_p EXCEPT ![self] = NULL]
          /\ UNCHANGED <<refs, drop_last>>
       \/ /\ object_life[drop_p[self]] # "free"
          /\ object_life[drop_p[self]] = "free"
          /\ pc' = [pc EXCEPT ![self] = "use_after_free"]
          /\ drop_p' = [drop_p EXCEPT ![self] = NULL]
          /\ UNCHANGED <<refs, drop_last>>
       \/ /\ object_life[drop_p[self]] # "free"
          /\ object_life[drop_p[self]] = "free"
          /\ pc' = [pc EXCEPT ![self] = "use_after_free"]
          /\ refs' = [refs EXCEPT ![drop_p[self]] = Unsigned((refs[drop_p[self]] - 1), 4)]
          /\ drop_p' = [drop_p EXCEPT ![self] = NULL]
          /\ UNCHANGED <<drop_last>>
       \/ /\ object_life[drop_p[self]] # "free"
          /\ pc' = [pc EXCEPT ![self] = "drop_4"]
          /\ refs' = [refs EXCEPT ![drop_p[self]] = Unsigned((refs[drop_p[self]] - 1), 4)]
          /\ drop_last' = [drop_last EXCEPT ![self] = Unsigned((refs[drop_p[self]] - 1), 4) = 0]
          /\ UNCHANGED <<drop_p>>
    /\ UNCHANGED <<global_vars, object_life, used, task_life, use_vars, get_p, replace_vars>>

drop_4(self) ==                           \* if (last)  refcount.kc:53
    /\ pc[self] = "drop_4"
    /\ \/ /\ drop_last[self]
          /\ pc' = [pc EXCEPT ![self] = "drop_free_2"]
          /\ drop_last' = [drop_last EXCEPT ![self] = FALSE]
          /\ UNCHANGED <<drop_p>>
       \/ /\ ~drop_last[self]
          /\ pc' = [pc EXCEPT ![self] = "user_2"]
          /\ drop_last' = [drop_last EXCEPT ![self] = FALSE]
          /\ drop_p' = [drop_p EXCEPT ![self] = NULL]
    /\ UNCHANGED <<global_vars, object_vars, task_life, use_vars, get_p, replace_vars>>

drop_free_2(self) ==                      \* kfree(p);  refcount.kc:54
    /\ pc[self] = "drop_free_2"
    /\ \/ /\ object_life[drop_p[self]] = "free"
          /\ pc' = [pc EXCEPT ![self] = "use_after_free"]
          /\ drop_p' = [drop_p EXCEPT ![self] = NULL]
          /\ UNCHANGED <<object_life, refs, used>>
       \/ /\ object_life[drop_p[self]] # "free"
          /\ pc' = [pc EXCEPT ![self] = "user_2"]
          /\ object_life' = [object_life EXCEPT ![drop_p[self]] = "free"]
          /\ refs' = [refs EXCEPT ![drop_p[self]] = 0]
          /\ used' = [used EXCEPT ![drop_p[self]] = FALSE]
          /\ drop_p' = [drop_p EXCEPT ![self] = NULL]
    /\ UNCHANGED <<global_vars, task_life, use_vars, get_p, drop_last, replace_vars>>

drop(self) ==
    \/ drop_1(self) \/ drop_2(self) \/ drop_free(self) \/ drop_3(self) \/ drop_4(self)
    \/ drop_free_2(self)

(* replace() *)

replace_1(self) ==                        \* fresh = new struct object;  refcount.kc:71
    /\ pc[self] = "replace_1"
    /\ \/ /\ (\A full \in Objects : object_life[full] # "free")
          /\ pc' = [pc EXCEPT ![self] = "replace_2"]
          /\ replace_tmp1' = [replace_tmp1 EXCEPT ![self] = NULL]
          /\ UNCHANGED <<object_life, refs>>
       \/ \E new \in Objects :
             /\ object_life[new] = "free"
             /\ pc' = [pc EXCEPT ![self] = "replace_2"]
             /\ object_life' = [object_life EXCEPT ![new] = "private"]
             /\ refs' = [refs EXCEPT ![new] = 1]
             /\ replace_tmp1' = [replace_tmp1 EXCEPT ![self] = new]
    /\ UNCHANGED <<global_vars, used, task_life, use_vars, get_p, drop_vars, replace_fresh,
         replace_old>>

replace_2(self) ==                        \* fresh = new struct object;  refcount.kc:71
    /\ Goto(self, "replace_2", "replace_3")
    /\ replace_fresh' = [replace_fresh EXCEPT ![self] = replace_tmp1[self]]
    /\ replace_tmp1' = [replace_tmp1 EXCEPT ![self] = NULL]
    /\ UNCHANGED <<global_vars, object_vars, task_life, use_vars, get_p, drop_vars, replace_old>>

replace_3(self) ==                        \* if (!fresh)  refcount.kc:72
    /\ pc[self] = "replace_3"
    /\ \/ /\ replace_fresh[self] # NULL
          /\ pc' = [pc EXCEPT ![self] = "replace_4"]
          /\ UNCHANGED <<replace_fresh>>
       \/ /\ replace_fresh[self] = NULL
          /\ pc' = [pc EXCEPT ![self] = "user_2"]
          /\ replace_fresh' = [replace_fresh EXCEPT ![self] = NULL]
    /\ UNCHANGED <<global_vars, object_vars, task_life, use_vars, get_p, drop_vars, replace_old,
         replace_tmp1>>

replace_4(self) ==                        \* spin_lock(&lock);  refcount.kc:74
    /\ Goto(self, "replace_4", "replace_5")
    /\ lock = NULL
    /\ lock' = self
    /\ UNCHANGED <<shared, object_vars, task_life, use_vars, get_p, drop_vars, replace_vars>>

replace_5(self) ==                        \* old = shared;  refcount.kc:75
    /\ Goto(self, "replace_5", "replace_swap")
    /\ replace_old' = [replace_old EXCEPT ![self] = shared]
    /\ UNCHANGED <<global_vars, object_vars, task_life, use_vars, get_p, drop_vars, replace_fresh,
         replace_tmp1>>

replace_swap(self) ==                     \* shared = fresh;  refcount.kc:76
    /\ Goto(self, "replace_swap", "replace_6")
    /\ shared' = replace_fresh[self]
    /\ replace_fresh' = [replace_fresh EXCEPT ![self] = NULL]
    /\ UNCHANGED <<lock, object_vars, task_life, use_vars, get_p, drop_vars, replace_old,
         replace_tmp1>>

replace_6(self) ==                        \* spin_unlock(&lock);  refcount.kc:77
    /\ pc[self] = "replace_6"
    /\ \/ /\ lock # self
          /\ pc' = [pc EXCEPT ![self] = "bad_unlock"]
          /\ replace_old' = [replace_old EXCEPT ![self] = NULL]
          /\ UNCHANGED <<lock>>
       \/ /\ lock = self
          /\ pc' = [pc EXCEPT ![self] = "replace_7"]
          /\ lock' = NULL
          /\ UNCHANGED <<replace_old>>
    /\ UNCHANGED <<shared, object_vars, task_life, use_vars, get_p, drop_vars, replace_fresh,
         replace_tmp1>>

replace_7(self) ==                        \* if (old)  refcount.kc:78
    /\ pc[self] = "replace_7"
    /\ \/ /\ replace_old[self] # NULL
          /\ pc' = [pc EXCEPT ![self] = "replace_8"]
          /\ UNCHANGED <<replace_old>>
       \/ /\ replace_old[self] = NULL
          /\ pc' = [pc EXCEPT ![self] = "user_2"]
          /\ replace_old' = [replace_old EXCEPT ![self] = NULL]
    /\ UNCHANGED <<global_vars, object_vars, task_life, use_vars, get_p, drop_vars, replace_fresh,
         replace_tmp1>>

replace_8(self) ==                        \* drop(old);  refcount.kc:79
    /\ Goto(self, "replace_8", "drop_3")
    /\ drop_p' = [drop_p EXCEPT ![self] = replace_old[self]]
    /\ replace_old' = [replace_old EXCEPT ![self] = NULL]
    /\ UNCHANGED <<global_vars, object_vars, task_life, use_vars, get_p, drop_last, replace_fresh,
         replace_tmp1>>

replace(self) ==
    \/ replace_1(self) \/ replace_2(self) \/ replace_3(self) \/ replace_4(self)
    \/ replace_5(self) \/ replace_swap(self) \/ replace_6(self) \/ replace_7(self)
    \/ replace_8(self)

-------------------------------------------------------------------------------
Step(self) ==
    \/ user(self) \/ get(self) \/ use(self) \/ ref(self) \/ drop(self) \/ replace(self)

Finished ==
    \A t \in Tasks : pc[t] \in {"idle", "use_after_free", "bad_unlock"}

Terminating ==  \* all is done: stutter, so that this is no deadlock
    Finished /\ UNCHANGED vars

Next == (\E self \in Tasks : Step(self)) \/ Terminating

Fairness == \A self \in Tasks : WF_vars(Step(self))

Spec     == Init /\ [][Next]_vars
FairSpec == Spec /\ Fairness


-------------------------------------------------------------------------------
\* refcount.kc:95: prove no_use_after_free
NoUseAfterFree ==
    \A thread \in Tasks :
      pc[thread] # "use_after_free"

\* refcount.kc:96: prove shared_has_a_reference
SharedHasAReference ==
    lock # NULL \/ shared = NULL \/ refs[shared] >= 1

\* refcount.kc:100: reach use.touch
NeverAtUseTouch ==
    \A thread \in Tasks :
      pc[thread] # "use_touch"

\* refcount.kc:101: reach drop.free
NeverAtDropFree ==
    \A thread \in Tasks :
      /\ pc[thread] # "drop_free"
      /\ pc[thread] # "drop_free_2"

\* refcount.kc:102: lock_balanced
LockBalanced ==
    /\ (\A thread \in Tasks : pc[thread] # "bad_unlock")
    /\ (\A thread \in Tasks : PlaceNumber(pc[thread]) # 1 \/ lock # thread)

===============================================================================

/*
 * System `system` of refcount.kc, written by verify X.
 *
 * refcount.kc eca6cf2bfcb31ad0337536939a5da7090cad4becbde46b7cb1bd88e01cd90fea
 *
 * A process is a thread. Each option of its loop is one step of it, with at most one access to
 * shared memory, and carries the statement that it comes from. Memory is sequentially consistent.
 * A local that is not needed any more is reset, as is a cell that is free: the number of states
 * depends on that.
 *
 *     spin -o2 -a -DPROPERTY=N refcount.pml
 *     gcc -O2 -w -DSAFETY -DBFS -DNOREDUCE -o pan pan.c
 *     ./pan -E    without -E for deadlock_free
 *     spin -t -DPROPERTY=N refcount.pml    shows the run that was found, a line for each step
 *
 * N is one of these. Without -DPROPERTY, all that are said to hold are checked; with N = 0,
 * all. A state in which a property is violated is not looked at for a deadlock.
 *
 *      1  no_use_after_free  refcount.kc:95: prove no_use_after_free
 *      2  shared_has_a_reference  refcount.kc:96: prove shared_has_a_reference
 *      3  never_at_use_touch  (said to be violated) refcount.kc:100: reach use.touch
 *      4  never_at_drop_free  (said to be violated) refcount.kc:101: reach drop.free
 *      5  lock_balanced  refcount.kc:102: lock_balanced
 *
 * One step of the system is one step of the model, a d_step: pan has as many states as the
 * system and one before the first. With -DBFS they are those that it calls nominal, and a run
 * that it finds is a shortest one. Without -o2, what nothing reads is no part of a state.
 */

#ifndef PROPERTY
#define ASKED(number, holds) holds
#else
#if PROPERTY < 0 || PROPERTY > 5
#error there is no property of that number
#endif
#define ASKED(number, holds) (PROPERTY == 0 || PROPERTY == number)
#endif

/* whether an object is there, and known to others */
#define free 0
#define private 1
#define published 2

/* where a thread stands */
#define idle 0
#define use_after_free 3
#define bad_unlock 5
#define user_1 6
#define user_2 8
#define get_lock 12
#define use_1 14
#define get_1 15
#define get_2 16
#define get_full 19
#define get_out 20
#define get_3 22
#define ref_1 24
#define get_4 31
#define use_2 33
#define use_touch 34
#define use_touch_2 37
#define use_3 38
#define drop_1 39
#define drop_2 44
#define drop_free 45
#define replace_1 49
#define replace_2 51
#define replace_3 52
#define replace_4 55
#define replace_5 57
#define replace_swap 58
#define replace_6 59
#define replace_7 60
#define replace_8 61
#define drop_3 64
#define drop_4 69
#define drop_free_2 70

/* cell 0 of each array is behind NULL, and 0 */
byte shared;
byte lock;
byte object_life[3];
byte object_refs[3];
bool object_used[3];
byte task_life[3];
byte pc[3];
byte use_tmp1[3];
byte get_p[3];
byte use_p[3];
bit use_tmp2[3];
byte drop_p[3];
bool drop_last[3];
byte replace_fresh[3];
byte replace_old[3];
byte replace_tmp1[3];
/* 0 for ever: what an assertion that fails is called */
bool no_use_after_free; bool shared_has_a_reference; bool never_at_use_touch;
bool never_at_drop_free; bool lock_balanced;

#define ENDED ((pc[1] == idle || pc[1] == use_after_free || pc[1] == bad_unlock) && (pc[2] == \
    idle || pc[2] == use_after_free || pc[2] == bad_unlock))

/* fresh = new struct object;  refcount.kc:71 */
inline replace_1_with(new) {
  d_step { pc[self] == replace_1 && object_life[new] == free ->
    printf("task %d: replace_1  refcount.kc:71  fresh = new struct object;\n", self);
    object_life[new] = private;
    object_refs[new] = 1;
    replace_tmp1[self] = new;
    pc[self] = replace_2 }
}

proctype task(byte self) {
  do
  /* void user(void)  refcount.kc:82 */
  :: d_step { pc[self] == user_1 ->
       printf("task %d: user_1  refcount.kc:82  void user(void)\n", self);
       pc[self] = user_2 }
  /* choose  refcount.kc:85 */
  :: d_step { pc[self] == user_2 ->
       printf("task %d: user_2  refcount.kc:85  choose\n", self);
       pc[self] = get_lock }
  :: d_step { pc[self] == user_2 ->
       printf("task %d: user_2  refcount.kc:86  use()\n", self);
       pc[self] = replace_1 }
  /* spin_lock(&lock);  refcount.kc:31 */
  :: d_step { pc[self] == get_lock && lock == 0 ->
       printf("task %d: get_lock  refcount.kc:31  spin_lock(&lock);\n", self);
       lock = self;
       pc[self] = get_1 }
  /* get()  refcount.kc:59 */
  :: d_step { pc[self] == use_1 ->
       printf("task %d: use_1  refcount.kc:59  get()\n", self);
       use_p[self] = use_tmp1[self];
       use_tmp1[self] = 0;
       pc[self] = use_2 }
  /* p = shared;  refcount.kc:32 */
  :: d_step { pc[self] == get_1 ->
       printf("task %d: get_1  refcount.kc:32  p = shared;\n", self);
       get_p[self] = shared;
       pc[self] = get_2 }
  /* if (!p)  refcount.kc:33 */
  :: d_step { pc[self] == get_2 && get_p[self] != 0 ->
       printf("task %d: get_2  refcount.kc:33  if (!p)\n", self);
       pc[self] = get_full }
  :: d_step { pc[self] == get_2 && get_p[self] == 0 ->
       printf("task %d: get_2  refcount.kc:33  if (!p)\n", self);
       pc[self] = get_out }
  /* if (p->refs == 3)  refcount.kc:35 */
  :: d_step { pc[self] == get_full && object_life[get_p[self]] == free ->
       printf("task %d: get_full  refcount.kc:35  if (p->refs == 3)\n", self);
       get_p[self] = 0;
       pc[self] = use_after_free }
  :: d_step { pc[self] == get_full && (object_life[get_p[self]] != free &&
         object_refs[get_p[self]] == 3) ->
       printf("task %d: get_full  refcount.kc:35  if (p->refs == 3)\n", self);
       get_p[self] = 0;
       pc[self] = get_3 }
  :: d_step { pc[self] == get_full && (object_life[get_p[self]] != free &&
         object_refs[get_p[self]] != 3) ->
       printf("task %d: get_full  refcount.kc:35  if (p->refs == 3)\n", self);
       pc[self] = ref_1 }
  /* spin_unlock(&lock);  refcount.kc:41 */
  :: d_step { pc[self] == get_out && lock != self ->
       printf("task %d: get_out  refcount.kc:41  spin_unlock(&lock);\n", self);
       get_p[self] = 0;
       pc[self] = bad_unlock }
  :: d_step { pc[self] == get_out && lock == self ->
       printf("task %d: get_out  refcount.kc:41  spin_unlock(&lock);\n", self);
       lock = 0;
       pc[self] = get_4 }
  /* p = NULL;  refcount.kc:36 */
  :: d_step { pc[self] == get_3 ->
       printf("task %d: get_3  refcount.kc:36  p = NULL;\n", self);
       get_p[self] = 0;
       pc[self] = get_out }
  /* p->refs++;  refcount.kc:24 */
  :: d_step { pc[self] == ref_1 && object_life[get_p[self]] == free ->
       printf("task %d: ref_1  refcount.kc:24  p->refs++;\n", self);
       get_p[self] = 0;
       pc[self] = use_after_free }
  :: d_step { pc[self] == ref_1 && (object_life[get_p[self]] != free && object_life[get_p[self]] ==
         free) ->
       printf("task %d: ref_1  refcount.kc:24  p->refs++;\n", self);
       get_p[self] = 0;
       pc[self] = use_after_free }
  :: d_step { pc[self] == ref_1 && object_life[get_p[self]] != free ->
       printf("task %d: ref_1  refcount.kc:24  p->refs++;\n", self);
       object_refs[get_p[self]] = ((object_refs[get_p[self]] + 1) & 3);
       pc[self] = get_out }
  /* return p;  refcount.kc:42 */
  :: d_step { pc[self] == get_4 ->
       printf("task %d: get_4  refcount.kc:42  return p;\n", self);
       use_tmp1[self] = get_p[self];
       get_p[self] = 0;
       pc[self] = use_1 }
  /* if (p)  refcount.kc:61 */
  :: d_step { pc[self] == use_2 && use_p[self] != 0 ->
       printf("task %d: use_2  refcount.kc:61  if (p)\n", self);
       pc[self] = use_touch }
  :: d_step { pc[self] == use_2 && use_p[self] == 0 ->
       printf("task %d: use_2  refcount.kc:61  if (p)\n", self);
       use_p[self] = 0;
       pc[self] = user_2 }
  /* p->used = !p->used;  refcount.kc:62 */
  :: d_step { pc[self] == use_touch && object_life[use_p[self]] == free ->
       printf("task %d: use_touch  refcount.kc:62  p->used = !p->used;\n", self);
       use_p[self] = 0;
       pc[self] = use_after_free }
  :: d_step { pc[self] == use_touch && object_life[use_p[self]] != free ->
       printf("task %d: use_touch  refcount.kc:62  p->used = !p->used;\n", self);
       use_tmp2[self] = !object_used[use_p[self]];
       pc[self] = use_touch_2 }
  /* p->used = !p->used;  refcount.kc:62 */
  :: d_step { pc[self] == use_touch_2 && object_life[use_p[self]] == free ->
       printf("task %d: use_touch_2  refcount.kc:62  p->used = !p->used;\n", self);
       use_tmp2[self] = 0;
       use_p[self] = 0;
       pc[self] = use_after_free }
  :: d_step { pc[self] == use_touch_2 && object_life[use_p[self]] != free ->
       printf("task %d: use_touch_2  refcount.kc:62  p->used = !p->used;\n", self);
       object_used[use_p[self]] = use_tmp2[self];
       use_tmp2[self] = 0;
       pc[self] = use_3 }
  /* drop(p);  refcount.kc:63 */
  :: d_step { pc[self] == use_3 ->
       printf("task %d: use_3  refcount.kc:63  drop(p);\n", self);
       drop_p[self] = use_p[self];
       use_p[self] = 0;
       pc[self] = drop_1 }
  /* p->refs--;  refcount.kc:50 */
  :: d_step { pc[self] == drop_1 && object_life[drop_p[self]] == free ->
       printf("task %d: drop_1  refcount.kc:50  p->refs--;\n", self);
       drop_p[self] = 0;
       pc[self] = use_after_free }
  :: d_step { pc[self] == drop_1 && (object_life[drop_p[self]] != free &&
         object_life[drop_p[self]] == free) ->
       printf("task %d: drop_1  refcount.kc:50  p->refs--;\n", self);
       drop_p[self] = 0;
       pc[self] = use_after_free }
  :: d_step { pc[self] == drop_1 && (object_life[drop_p[self]] != free &&
         object_life[drop_p[self]] == free) ->
       printf("task %d: drop_1  refcount.kc:50  p->refs--;\n", self);
       object_refs[drop_p[self]] = ((object_refs[drop_p[self]] - 1) & 3);
       drop_p[self] = 0;
       pc[self] = use_after_free }
  :: d_step { pc[self] == drop_1 && object_life[drop_p[self]] != free ->
       printf("task %d: drop_1  refcount.kc:50  p->refs--;\n", self);
       drop_last[self] = ((object_refs[drop_p[self]] - 1) & 3) == 0;
       object_refs[drop_p[self]] = ((object_refs[drop_p[self]] - 1) & 3);
       pc[self] = drop_2 }
  /* if (last)  refcount.kc:53 */
  :: d_step { pc[self] == drop_2 && drop_last[self] ->
       printf("task %d: drop_2  refcount.kc:53  if (last)\n", self);
       drop_last[self] = 0;
       pc[self] = drop_free }
  :: d_step { pc[self] == drop_2 && !drop_last[self] ->
       printf("task %d: drop_2  refcount.kc:53  if (last)\n", self);
       drop_last[self] = 0;
       drop_p[self] = 0;
       pc[self] = user_2 }
  /* kfree(p);  refcount.kc:54 */
  :: d_step { pc[self] == drop_free && object_life[drop_p[self]] == free ->
       printf("task %d: drop_free  refcount.kc:54  kfree(p);\n", self);
       drop_p[self] = 0;
       pc[self] = use_after_free }
  :: d_step { pc[self] == drop_free && object_life[drop_p[self]] != free ->
       printf("task %d: drop_free  refcount.kc:54  kfree(p);\n", self);
       object_life[drop_p[self]] = free;
       object_refs[drop_p[self]] = 0;
       object_used[drop_p[self]] = 0;
       drop_p[self] = 0;
       pc[self] = user_2 }
  /* fresh = new struct object;  refcount.kc:71 */
  :: d_step { pc[self] == replace_1 && (object_life[1] != free && object_life[2] != free) ->
       printf("task %d: replace_1  refcount.kc:71  fresh = new struct object;\n", self);
       replace_tmp1[self] = 0;
       pc[self] = replace_2 }
  :: replace_1_with(1) :: replace_1_with(2)
  /* fresh = new struct object;  refcount.kc:71 */
  :: d_step { pc[self] == replace_2 ->
       printf("task %d: replace_2  refcount.kc:71  fresh = new struct object;\n", self);
       replace_fresh[self] = replace_tmp1[self];
       replace_tmp1[self] = 0;
       pc[self] = replace_3 }
  /* if (!fresh)  refcount.kc:72 */
  :: d_step { pc[self] == replace_3 && replace_fresh[self] != 0 ->
       printf("task %d: replace_3  refcount.kc:72  if (!fresh)\n", self);
       pc[self] = replace_4 }
  :: d_step { pc[self] == replace_3 && replace_fresh[self] == 0 ->
       printf("task %d: replace_3  refcount.kc:72  if (!fresh)\n", self);
       replace_fresh[self] = 0;
       pc[self] = user_2 }
  /* spin_lock(&lock);  refcount.kc:74 */
  :: d_step { pc[self] == replace_4 && lock == 0 ->
       printf("task %d: replace_4  refcount.kc:74  spin_lock(&lock);\n", self);
       lock = self;
       pc[self] = replace_5 }
  /* old = shared;  refcount.kc:75 */
  :: d_step { pc[self] == replace_5 ->
       printf("task %d: replace_5  refcount.kc:75  old = shared;\n", self);
       replace_old[self] = shared;
       pc[self] = replace_swap }
  /* shared = fresh;  refcount.kc:76 */
  :: d_step { pc[self] == replace_swap ->
       printf("task %d: replace_swap  refcount.kc:76  shared = fresh;\n", self);
       shared = replace_fresh[self];
       replace_fresh[self] = 0;
       pc[self] = replace_6 }
  /* spin_unlock(&lock);  refcount.kc:77 */
  :: d_step { pc[self] == replace_6 && lock != self ->
       printf("task %d: replace_6  refcount.kc:77  spin_unlock(&lock);\n", self);
       replace_old[self] = 0;
       pc[self] = bad_unlock }
  :: d_step { pc[self] == replace_6 && lock == self ->
       printf("task %d: replace_6  refcount.kc:77  spin_unlock(&lock);\n", self);
       lock = 0;
       pc[self] = replace_7 }
  /* if (old)  refcount.kc:78 */
  :: d_step { pc[self] == replace_7 && replace_old[self] != 0 ->
       printf("task %d: replace_7  refcount.kc:78  if (old)\n", self);
       pc[self] = replace_8 }
  :: d_step { pc[self] == replace_7 && replace_old[self] == 0 ->
       printf("task %d: replace_7  refcount.kc:78  if (old)\n", self);
       replace_old[self] = 0;
       pc[self] = user_2 }
  /* drop(old);  refcount.kc:79 */
  :: d_step { pc[self] == replace_8 ->
       printf("task %d: replace_8  refcount.kc:79  drop(old);\n", self);
       drop_p[self] = replace_old[self];
       replace_old[self] = 0;
       pc[self] = drop_3 }
  /* p->refs--;  refcount.kc:50 */
  :: d_step { pc[self] == drop_3 && object_life[drop_p[self]] == free ->
       printf("task %d: drop_3  refcount.kc:50  p->refs--;\n", self);
       drop_p[self] = 0;
       pc[self] = use_after_free }
  :: d_step { pc[self] == drop_3 && (object_life[drop_p[self]] != free &&
         object_life[drop_p[self]] == free) ->
       printf("task %d: drop_3  refcount.kc:50  p->refs--;\n", self);
       drop_p[self] = 0;
       pc[self] = use_after_free }
  :: d_step { pc[self] == drop_3 && (object_life[drop_p[self]] != free &&
         object_life[drop_p[self]] == free) ->
       printf("task %d: drop_3  refcount.kc:50  p->refs--;\n", self);
       object_refs[drop_p[self]] = ((object_refs[drop_p[self]] - 1) & 3);
       drop_p[self] = 0;
       pc[self] = use_after_free }
  :: d_step { pc[self] == drop_3 && object_life[drop_p[self]] != free ->
       printf("task %d: drop_3  refcount.kc:50  p->refs--;\n", self);
       drop_last[self] = ((object_refs[drop_p[self]] - 1) & 3) == 0;
       object_refs[drop_p[self]] = ((object_refs[drop_p[self]] - 1) & 3);
       pc[self] = drop_4 }
  /* if (last)  refcount.kc:53 */
  :: d_step { pc[self] == drop_4 && drop_last[self] ->
       printf("task %d: drop_4  refcount.kc:53  if (last)\n", self);
       drop_last[self] = 0;
       pc[self] = drop_free_2 }
  :: d_step { pc[self] == drop_4 && !drop_last[self] ->
       printf("task %d: drop_4  refcount.kc:53  if (last)\n", self);
       drop_last[self] = 0;
       drop_p[self] = 0;
       pc[self] = user_2 }
  /* kfree(p);  refcount.kc:54 */
  :: d_step { pc[self] == drop_free_2 && object_life[drop_p[self]] == free ->
       printf("task %d: drop_free_2  refcount.kc:54  kfree(p);\n", self);
       drop_p[self] = 0;
       pc[self] = use_after_free }
  :: d_step { pc[self] == drop_free_2 && object_life[drop_p[self]] != free ->
       printf("task %d: drop_free_2  refcount.kc:54  kfree(p);\n", self);
       object_life[drop_p[self]] = free;
       object_refs[drop_p[self]] = 0;
       object_used[drop_p[self]] = 0;
       drop_p[self] = 0;
       pc[self] = user_2 }
  od
}

proctype monitor() {
end:
  do
  /* where all have ended is no deadlock */
  :: d_step { ENDED -> skip }
#if ASKED(1, 1)
  /* refcount.kc:95: prove no_use_after_free */
  :: d_step { !(pc[1] != use_after_free && pc[2] != use_after_free) -> assert(no_use_after_free) }
#endif
#if ASKED(2, 1)
  /* refcount.kc:96: prove shared_has_a_reference */
  :: d_step { !(lock != 0 || shared == 0 || object_refs[shared] >= 1) ->
       assert(shared_has_a_reference) }
#endif
#if ASKED(3, 0)
  /* refcount.kc:100: reach use.touch */
  :: d_step { !(pc[1] != use_touch && pc[2] != use_touch) -> assert(never_at_use_touch) }
#endif
#if ASKED(4, 0)
  /* refcount.kc:101: reach drop.free */
  :: d_step { !((pc[1] != drop_free && pc[1] != drop_free_2) && (pc[2] != drop_free && pc[2] !=
       drop_free_2)) -> assert(never_at_drop_free) }
#endif
#if ASKED(5, 1)
  /* refcount.kc:102: lock_balanced */
  :: d_step { !((pc[1] != bad_unlock && pc[2] != bad_unlock) && ((pc[1] != 1 || lock != 1) &&
       (pc[2] != 1 || lock != 2))) -> assert(lock_balanced) }
#endif
  od
}

init {
  atomic {
    d_step { task_life[1] = published; task_life[2] = published; pc[1] = user_1; pc[2] = user_1 };
    run task(1);
    run task(2);
    run monitor()
  }
}

/*
 * System `system` of test_and_set.kc, written by verify X.
 *
 * test_and_set.kc 0fa338f77b7fa610321ec36207418765c7ce43a47bae98cddd23b724fec45a05
 *
 * Each function step_X is one step of the thread `me`, with at most one access to shared memory, and
 * carries the statement that it comes from. It is taken in an atomic section, after which the
 * properties are checked.
 *
 * To check some runs of it:  esbmc test_and_set.c --context-bound 3 --unwind 2 --no-unwinding-assertions
 * To run it as it is:        gcc -DNATIVE -pthread test_and_set.c -o test_and_set && ./test_and_set
 *
 * Properties: -DPROPERTY=N chooses one; without it those are checked that are claimed to hold.
 *   1  mutual_exclusion  (test_and_set.kc:41: prove mutual_exclusion)
 *   2  locked_while_in  (test_and_set.kc:42: prove locked_while_in)
 *   3  never_at_user.enter  (test_and_set.kc:46: reach user.enter, to be violated)
 *   4  never_at_release.free  (test_and_set.kc:47: reach release.free, to be violated)
 */
#include <assert.h>
#include <pthread.h>

#ifndef PROPERTY
#define PROPERTY 0
#endif

#define TASKS 2
#define BLOCKED (-1)  /* of a step that cannot be taken */

static void check(void);

#ifdef NATIVE
#include "verifier.h"
#else
extern void __VERIFIER_atomic_begin(void);
extern void __VERIFIER_atomic_end(void);
extern void __VERIFIER_assume(int);
extern long long __VERIFIER_nondet_longlong(void);

void reach_error(void) { assert(0); }

static inline long long choose(long long low, long long high)
{
    long long chosen = __VERIFIER_nondet_longlong();

    __VERIFIER_assume(low <= chosen && chosen <= high);
    return chosen;
}

/* takes a step as soon as it can be taken; `to` is the place that it leads to */
#define STEP(step) \
    __VERIFIER_atomic_begin(); \
    to = step(me); \
    __VERIFIER_assume(to != BLOCKED); \
    check(); \
    __VERIFIER_atomic_end()

#define CHECK(holds, name) do { if (!(holds)) reach_error(); } while (0)
#endif

/* where a thread can stand */
enum place {
    at_idle = 0,
    at_user_1 = 6,
    at_acquire_busy = 8,
    at_user_enter = 11,
    at_acquire_1 = 12,
    at_acquire_take = 14,
    at_acquire_busy_2 = 15,
    at_acquire_2 = 17,
    at_acquire_take_2 = 20,
    at_user_leave = 22,
    at_release_free = 23,
};

/* whether an object is there, and known to others */
enum life { FREE, PRIVATE, PUBLISHED };

/* The state. A pointer is the number of a cell; cell 0 is NULL, and zero for ever. */
static int g_locked;
static int task_life[3];
static int task_in[3];  /* task->in */
static int pc[3];  /* where each thread stands */
static int acquire_tmp1[3];
static int acquire_tmp2[3];

static inline int all_1(int a, int b)
{
    return task_life[b] == FREE || !(a != b && task_in[a] && task_in[b]);
}

static inline int all_2(int a)
{
    return task_life[a] == FREE || (all_1(a, 1) && all_1(a, 2));
}

static inline int all_3(int t)
{
    return task_life[t] == FREE || !task_in[t] || g_locked;
}

static inline int all_4(int thread)
{
    return pc[thread] != at_user_enter;
}

static inline int all_5(int thread)
{
    return pc[thread] != at_release_free;
}

static int go(int me, int to)
{
    pc[me] = to;
    return to;
}

/* void user(void)  test_and_set.kc:26 */
static int step_user_1(int me)
{
    return go(me, at_acquire_busy);
}

/* if (test_bit(0, &locked))  test_and_set.kc:15 */
static int step_acquire_busy(int me)
{
    acquire_tmp1[me] = (g_locked & 1) != 0;
    return go(me, at_acquire_busy_2);
}

/* if (test_bit(0, &locked))  test_and_set.kc:15 */
static int step_acquire_busy_2(int me)
{
    if (acquire_tmp1[me]) {
        acquire_tmp1[me] = 0;
        return go(me, at_acquire_1);
    }
    acquire_tmp1[me] = 0;
    return go(me, at_acquire_take);
}

/* goto busy;  test_and_set.kc:16 */
static int step_acquire_1(int me)
{
    return go(me, at_acquire_busy);
}

/* if (test_and_set_bit(0, &locked))  test_and_set.kc:17 */
static int step_acquire_take(int me)
{
    acquire_tmp2[me] = (g_locked & 1) != 0;
    g_locked = g_locked | 1;
    return go(me, at_acquire_take_2);
}

/* if (test_and_set_bit(0, &locked))  test_and_set.kc:17 */
static int step_acquire_take_2(int me)
{
    if (acquire_tmp2[me]) {
        acquire_tmp2[me] = 0;
        return go(me, at_acquire_2);
    }
    acquire_tmp2[me] = 0;
    return go(me, at_user_enter);
}

/* goto busy;  test_and_set.kc:18 */
static int step_acquire_2(int me)
{
    return go(me, at_acquire_busy);
}

/* current->in = true;  test_and_set.kc:30 */
static int step_user_enter(int me)
{
    task_in[me] = 1;
    return go(me, at_user_leave);
}

/* current->in = false;  test_and_set.kc:31 */
static int step_user_leave(int me)
{
    task_in[me] = 0;
    return go(me, at_release_free);
}

/* clear_bit(0, &locked);  test_and_set.kc:23 */
static int step_release_free(int me)
{
    g_locked = g_locked & -2;
    return go(me, at_acquire_busy);
}

/* test_and_set.kc:41: prove mutual_exclusion */
static inline int holds_mutual_exclusion(void)
{
    return all_2(1) && all_2(2);
}

/* test_and_set.kc:42: prove locked_while_in */
static inline int holds_locked_while_in(void)
{
    return all_3(1) && all_3(2);
}

/* test_and_set.kc:46: reach user.enter */
static inline int holds_never_at_user_enter(void)
{
    return all_4(1) && all_4(2);
}

/* test_and_set.kc:47: reach release.free */
static inline int holds_never_at_release_free(void)
{
    return all_5(1) && all_5(2);
}

/* what is checked in every state */
static void check(void)
{
#if PROPERTY == 1 || PROPERTY == 0
    CHECK(holds_mutual_exclusion(), "mutual_exclusion (test_and_set.kc:41: prove mutual_exclusion)");
#endif
#if PROPERTY == 2 || PROPERTY == 0
    CHECK(holds_locked_while_in(), "locked_while_in (test_and_set.kc:42: prove locked_while_in)");
#endif
#if PROPERTY == 3
    CHECK(holds_never_at_user_enter(), "never_at_user.enter (test_and_set.kc:46: reach user.enter)");
#endif
#if PROPERTY == 4
    CHECK(holds_never_at_release_free(), "never_at_release.free (test_and_set.kc:47: reach release.free)");
#endif
}

static void run(int me)
{
    int to;

    STEP(step_user_1);
acquire_busy:
    STEP(step_acquire_busy);
    STEP(step_acquire_busy_2);
    if (to == at_acquire_take)
        goto acquire_take;
    STEP(step_acquire_1);
    goto acquire_busy;
acquire_take:
    STEP(step_acquire_take);
    STEP(step_acquire_take_2);
    if (to == at_user_enter)
        goto user_enter;
    STEP(step_acquire_2);
    goto acquire_busy;
user_enter:
    STEP(step_user_enter);
    STEP(step_user_leave);
    STEP(step_release_free);
    goto acquire_busy;
}

static void start(void)
{
    task_life[1] = PUBLISHED;
    task_life[2] = PUBLISHED;
    pc[1] = at_user_1;
    pc[2] = at_user_1;
}

static void *task_1(void *unused) { run(1); return unused; }
static void *task_2(void *unused) { run(2); return unused; }

#ifdef NATIVE
static void reset(void)
{
    g_locked = 0;
    memset(task_life, 0, sizeof task_life);
    memset(task_in, 0, sizeof task_in);
    memset(pc, 0, sizeof pc);
    memset(acquire_tmp1, 0, sizeof acquire_tmp1);
    memset(acquire_tmp2, 0, sizeof acquire_tmp2);
}

static void show(void)
{
    SHOW(g_locked);
    SHOW(task_life[1]);
    SHOW(task_in[1]);
    SHOW(task_life[2]);
    SHOW(task_in[2]);
    SHOW(pc[1]);
    SHOW(acquire_tmp1[1]);
    SHOW(acquire_tmp2[1]);
    SHOW(pc[2]);
    SHOW(acquire_tmp1[2]);
    SHOW(acquire_tmp2[2]);
}

int main(int argc, char **argv)
{
    static void *(*const tasks[])(void *) = {
        task_1, task_2
    };

    return run_native(argc, argv, TASKS, tasks, reset, start, show);
}
#else
int main(void)
{
    pthread_t thread_1, thread_2;

    start();
    check();
    pthread_create(&thread_1, 0, task_1, 0);
    pthread_create(&thread_2, 0, task_2, 0);
    pthread_join(thread_1, 0);
    pthread_join(thread_2, 0);
    return 0;
}
#endif

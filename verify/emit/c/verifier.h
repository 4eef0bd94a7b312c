/*
 * Runs an exported program as it is: compile that with -DNATIVE -pthread.
 *
 *     program [SECONDS [SEED]]   many runs under the scheduler of this machine, with random choices; 1 second if not said.
 *                                A property that is violated is named, with the run as numbers, and the exit code is 1.
 *     program replay             takes such numbers from the standard input and shows every state of that run.
 *
 * Numbers are what `start` chooses, and then for each step the thread and what it chooses.
 */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PATIENCE 2000         /* failed attempts in a row after which nobody seems to have a step left */
#define STEPS_OF_A_RUN 2000L  /* after which another run begins */

static pthread_mutex_t atomic_section = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t turn_changed = PTHREAD_COND_INITIALIZER;
static int replaying, over, turn, attempts, ended[TASKS + 1];
static long steps, all_steps, runs;
static long long *record;     /* the numbers of this run */
static size_t recorded, room, kept;
static void (*show_state)(void);

static void note(long long number)
{
    if (recorded == room) {
        room = room ? 2 * room : 1024;
        record = realloc(record, room * sizeof *record);
        if (!record)
            abort();
    }
    record[recorded++] = number;
}

static void violated(const char *name)
{
    size_t i;

    printf("violated: %s\n", name);
    if (!replaying) {
        for (i = 0; i < recorded; i++)
            printf("%lld%c", record[i], i + 1 == recorded ? '\n' : ' ');
    } else {
        show_state();
        printf("\n");
    }
    exit(1);
}

static inline void reach_error(void) { violated("a running thread is restarted, which this program cannot do"); }

static int next_number(long long *number)
{
    int found = scanf("%lld", number);

    if (found == 0) {
        fprintf(stderr, "what comes next is not a number\n");
        exit(2);
    }
    return found == 1;
}

static inline long long choose(long long low, long long high)
{
    long long chosen;

    if (!replaying) {
        unsigned long long bits = (unsigned long long)rand() << 42 ^ (unsigned long long)rand() << 21 ^ (unsigned)rand();
        unsigned long long count = (unsigned long long)high - (unsigned long long)low + 1;

        chosen = (long long)((unsigned long long)low + (count ? bits % count : bits));
    } else if (!next_number(&chosen) || chosen < low || chosen > high) {
        fprintf(stderr, "a number from %lld to %lld is wanted\n", low, high);
        exit(2);
    }
    note(chosen);
    return chosen;
}

/* in a replay: says whose turn it is, if there is another step */
static void take_turns(void)
{
    long long next;

    over = !next_number(&next);
    if (!over && (next < 1 || next > TASKS)) {
        fprintf(stderr, "there is no thread %lld\n", next);
        exit(2);
    }
    turn = over ? 0 : (int)next;
}

static void blocked(int me)
{
    printf("thread %d has no such step\n", me);
    exit(2);
}

static void finish(int me)
{
    ended[me] = 1;
    pthread_mutex_unlock(&atomic_section);
    pthread_exit(0);
}

/* begins an atomic section, in a replay when it is this thread's turn */
static void enter(int me)
{
    pthread_mutex_lock(&atomic_section);
    while (replaying && !over && turn != me)
        pthread_cond_wait(&turn_changed, &atomic_section);
    if (over)
        finish(me);
    kept = recorded;
    note(me);
}

/* ends it; `taken` says whether a step was taken in it */
static void leave(int me, int taken)
{
    int yields = replaying ? 0 : rand() % 3;

    if (!taken) {
        if (replaying)
            blocked(me);
        recorded = kept;
        over |= ++attempts > PATIENCE;
    } else {
        attempts = 0;
        steps++;
        over |= !replaying && steps >= STEPS_OF_A_RUN;
    }
    if (replaying) {
        show_state();
        printf("\n");
        take_turns();
        if (!over && ended[turn])
            blocked(turn);
        pthread_cond_broadcast(&turn_changed);
    }
    pthread_mutex_unlock(&atomic_section);
    for (yields += !taken; yields > 0; yields--)
        sched_yield();
}

/* ends it without a step, after which this thread goes on */
static inline void look_away(void)
{
    recorded = kept;
    pthread_mutex_unlock(&atomic_section);
}

#define STEP(step) \
    do { \
        enter(me); \
        to = step(me); \
        if (to != BLOCKED) \
            check(); \
        leave(me, to != BLOCKED); \
    } while (to == BLOCKED)

#define LOOK() \
    do { \
        enter(me); \
        to = pc[me]; \
        look_away(); \
    } while (0)

#define WAIT() \
    for (;;) { \
        enter(me); \
        to = pc[me]; \
        if (!is_parked(to)) { \
            look_away(); \
            break; \
        } \
        leave(me, 0); \
    }

#define CHECK(holds, name) do { if (!(holds)) violated(name); } while (0)
#define SHOW(variable) printf("%s=%lld ", #variable, (long long)(variable))

static int run_native(int argc, char **argv, int count, void *(*const tasks[])(void *), void (*reset)(void),
                      void (*start)(void), void (*show)(void))
{
    static pthread_t threads[TASKS];
    struct timespec begun, now;
    double seconds = 1;
    int i;

    show_state = show;
    replaying = argc > 1 && !strcmp(argv[1], "replay");
    if (argc > 1 && !replaying)
        seconds = atof(argv[1]);
    srand(argc > 2 ? (unsigned)atoi(argv[2]) : (unsigned)time(0));
    clock_gettime(CLOCK_MONOTONIC, &begun);
    do {
        recorded = 0;
        steps = over = attempts = 0;
        memset(ended, 0, sizeof ended);
        reset();
        start();
        check();
        if (replaying) {
            show();
            printf("\n");
            take_turns();
        }
        for (i = 0; i < count; i++)
            if (pthread_create(&threads[i], 0, tasks[i], 0))
                abort();
        for (i = 0; i < count; i++)
            pthread_join(threads[i], 0);
        all_steps += steps;
        runs++;
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while (!replaying && (double)(now.tv_sec - begun.tv_sec) + (double)(now.tv_nsec - begun.tv_nsec) / 1e9 < seconds);
    if (!replaying)
        printf("%ld steps in %ld runs, no violation seen\n", all_steps, runs);
    return 0;
}

#include "news.h"

#include <errno.h>
#include <time.h>

#ifdef _WIN32
#include <windows.h>
static SRWLOCK lock = SRWLOCK_INIT;
static CONDITION_VARIABLE filled = CONDITION_VARIABLE_INIT;
static void acquire(void) { AcquireSRWLockExclusive(&lock); }
static void release(void) { ReleaseSRWLockExclusive(&lock); }
static void signal_filled(void) { WakeAllConditionVariable(&filled); }
/* Returns 0 once the deadline, in ms of GetTickCount64, has passed; there is none below 0. */
static int wait_filled(int64_t deadline) {
    DWORD left = INFINITE;
    if (deadline >= 0) {
        int64_t now = (int64_t)GetTickCount64();
        left = deadline > now ? (DWORD)(deadline - now) : 0;
    }
    return SleepConditionVariableSRW(&filled, &lock, left, 0) != 0;
}
static int64_t deadline_after(int64_t timeout_ns) {
    return timeout_ns < 0 ? -1 : (int64_t)GetTickCount64() + timeout_ns / 1000000;
}
#else
#include <pthread.h>
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t filled = PTHREAD_COND_INITIALIZER;
static void acquire(void) { pthread_mutex_lock(&lock); }
static void release(void) { pthread_mutex_unlock(&lock); }
static void signal_filled(void) { pthread_cond_broadcast(&filled); }

static int64_t deadline_after(int64_t timeout_ns) {
    struct timespec now;
    if (timeout_ns < 0) return -1;
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t now_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
    return timeout_ns > INT64_MAX - now_ns ? INT64_MAX : now_ns + timeout_ns;
}
/* Returns 0 once the deadline has passed; there is none below 0. */
static int wait_filled(int64_t deadline) {
    if (deadline < 0) return pthread_cond_wait(&filled, &lock) == 0;
    struct timespec until = {.tv_sec = deadline / 1000000000, .tv_nsec = deadline % 1000000000};
    return pthread_cond_timedwait(&filled, &lock, &until) != ETIMEDOUT;
}
#endif

#define CAPACITY 256

static flightrec_news queue[CAPACITY];
static size_t first, count;
static uint64_t dropped, wakes;

int flightrec_news_put(const flightrec_news *news) {
    acquire();
    int taken = count < CAPACITY;
    if (taken) {
        queue[(first + count) % CAPACITY] = *news;
        count++;
        signal_filled();
    } else {
        dropped++;
    }
    release();
    return taken;
}

int32_t flightrec_news_next(int64_t timeout_ns, flightrec_news *news, uint64_t *lost) {
    int64_t deadline = deadline_after(timeout_ns);
    int32_t status = FLIGHTREC_OK;
    acquire();
    uint64_t before = wakes;
    while (count == 0 && status == FLIGHTREC_OK) {
        if (wakes != before) {
            status = FLIGHTREC_ENDED;
        } else if (!wait_filled(deadline) && count == 0) {
            status = FLIGHTREC_TIMEOUT;
        }
    }
    if (status == FLIGHTREC_OK) {
        *news = queue[first];
        first = (first + 1) % CAPACITY;
        count--;
    }
    *lost = dropped;
    release();
    return status;
}

void flightrec_news_wake(void) {
    acquire();
    wakes++;
    signal_filled();
    release();
}

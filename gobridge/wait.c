#include "wait.h"

#include <errno.h>
#include <time.h>

#ifdef __APPLE__ /* has no clock attribute for conditions */
#define WAIT_CLOCK CLOCK_REALTIME
#else
#define WAIT_CLOCK CLOCK_MONOTONIC
#endif

void flightrec_wait_init(pthread_cond_t *condition) {
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
#ifndef __APPLE__
    pthread_condattr_setclock(&attributes, WAIT_CLOCK);
#endif
    pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
}

int64_t flightrec_wait_limit(int64_t timeout_ns) {
    struct timespec now;
    if (timeout_ns < 0) {
        return -1;
    }
    clock_gettime(WAIT_CLOCK, &now);
    int64_t now_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
    return timeout_ns > INT64_MAX - now_ns ? INT64_MAX : now_ns + timeout_ns;
}

int flightrec_wait(pthread_cond_t *condition, pthread_mutex_t *mutex, int64_t limit) {
    if (limit < 0) {
        return pthread_cond_wait(condition, mutex) == 0;
    }
    struct timespec until = {.tv_sec = (time_t)(limit / 1000000000),
                             .tv_nsec = (long)(limit % 1000000000)};
    return pthread_cond_timedwait(condition, mutex, &until) != ETIMEDOUT;
}

#include "news.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t filled = PTHREAD_COND_INITIALIZER;

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

#define CAPACITY 256

static flightrec_news queue[CAPACITY];
static size_t first, count;
static uint64_t dropped, wakes;

int flightrec_news_put(const flightrec_news *news) {
    pthread_mutex_lock(&lock);
    int taken = count < CAPACITY;
    if (taken) {
        queue[(first + count) % CAPACITY] = *news;
        count++;
        pthread_cond_broadcast(&filled);
    } else {
        dropped++;
    }
    pthread_mutex_unlock(&lock);
    return taken;
}

int32_t flightrec_news_next(int64_t timeout_ns, flightrec_news *news, uint64_t *lost) {
    int64_t deadline = deadline_after(timeout_ns);
    int32_t status = FLIGHTREC_OK;
    pthread_mutex_lock(&lock);
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
    pthread_mutex_unlock(&lock);
    return status;
}

void flightrec_news_wake(void) {
    pthread_mutex_lock(&lock);
    wakes++;
    pthread_cond_broadcast(&filled);
    pthread_mutex_unlock(&lock);
}

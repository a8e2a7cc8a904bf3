#include "news.h"

#include <pthread.h>

#include "wait.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t filled;

/* Before the Go runtime starts, which may put news in. */
__attribute__((constructor(101))) static void init(void) { flightrec_wait_init(&filled); }

#define CAPACITY 256

static flightrec_news queue[CAPACITY];
static size_t first, count;
static uint64_t dropped_count, wakes;

int flightrec_news_put(const flightrec_news *news) {
    pthread_mutex_lock(&lock);
    int fits = count < CAPACITY;
    if (fits) {
        queue[(first + count) % CAPACITY] = *news;
        count++;
        pthread_cond_broadcast(&filled);
    } else {
        dropped_count++;
    }
    pthread_mutex_unlock(&lock);
    return fits;
}

int32_t flightrec_news_next(int64_t timeout_ns, flightrec_news *news, uint64_t *dropped) {
    int64_t limit = flightrec_wait_limit(timeout_ns);
    int32_t status = FLIGHTREC_OK;
    pthread_mutex_lock(&lock);
    uint64_t before = wakes;
    while (count == 0 && status == FLIGHTREC_OK) {
        if (wakes != before) {
            status = FLIGHTREC_ENDED;
        } else if (!flightrec_wait(&filled, &lock, limit) && count == 0) {
            status = FLIGHTREC_TIMEOUT;
        }
    }
    if (status == FLIGHTREC_OK) {
        *news = queue[first];
        first = (first + 1) % CAPACITY;
        count--;
    }
    *dropped = dropped_count;
    pthread_mutex_unlock(&lock);
    return status;
}

void flightrec_news_wake(void) {
    pthread_mutex_lock(&lock);
    wakes++;
    pthread_cond_broadcast(&filled);
    pthread_mutex_unlock(&lock);
}

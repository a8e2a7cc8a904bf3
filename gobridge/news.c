#include "news.h"

#include <pthread.h>
#include <stdlib.h>

/* What comes as often as the program's work, and is dropped if nobody takes it in time. */
#define MAY_BE_DROPPED (FLIGHTREC_NEWS_TASK | FLIGHTREC_NEWS_HTTP | FLIGHTREC_NEWS_REQUEST)
#define CAPACITY 256 /* of those */

typedef struct piece {
    flightrec_news news;
    struct piece *next;
} piece;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static piece *first;
static size_t droppable; /* how many of the queue may be dropped */
static uint64_t dropped_count;
static int closed;

int flightrec_news_put(const flightrec_news *news) {
    int may_drop = (news->kind & MAY_BE_DROPPED) != 0;
    piece *added = malloc(sizeof *added);
    pthread_mutex_lock(&lock);
    int fits = added != NULL && !closed && !(may_drop && droppable == CAPACITY);
    if (fits) {
        *added = (piece){.news = *news};
        piece **end = &first;
        while (*end != NULL) {
            end = &(*end)->next;
        }
        *end = added;
        droppable += may_drop;
        pthread_cond_broadcast(&changed);
    } else {
        dropped_count += may_drop;
    }
    pthread_mutex_unlock(&lock);
    if (!fits) {
        free(added);
    }
    return fits;
}

int32_t flightrec_news_next(uint32_t kinds, flightrec_news *news, uint64_t *dropped) {
    piece *taken;
    pthread_mutex_lock(&lock);
    for (;;) {
        piece **at = &first;
        while (*at != NULL && !((*at)->news.kind & kinds)) {
            at = &(*at)->next;
        }
        taken = *at;
        if (taken != NULL) {
            *at = taken->next;
            droppable -= (taken->news.kind & MAY_BE_DROPPED) != 0;
            break;
        }
        if (closed) {
            break;
        }
        pthread_cond_wait(&changed, &lock);
    }
    *dropped = dropped_count;
    pthread_mutex_unlock(&lock);
    if (taken == NULL) {
        return FLIGHTREC_ENDED;
    }
    *news = taken->news;
    free(taken);
    return FLIGHTREC_OK;
}

int32_t flightrec_news_mark(uint64_t number) {
    flightrec_news mark = {.kind = FLIGHTREC_NEWS_MARK, .number = number};
    return flightrec_news_put(&mark);
}

void flightrec_news_close(void) {
    pthread_mutex_lock(&lock);
    closed = 1;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

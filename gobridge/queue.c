#include "queue.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "_cgo_export.h"

typedef struct {
    flightrec_run *items;
    size_t count;
    size_t capacity;
} run_list;

/* What a holding is part of. */
typedef struct holding {
    flightrec_holding shown;
    int holders;              /* callers of flushes that share one */
    struct holding *let_go;   /* the next in that list */
    flightrec_segment segments[];
} holding;

struct flightrec_queue {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    run_list waiting;
    run_list taken; /* what the consumer looks at; its own to read while busy is set */
    int busy;       /* the consumer looks at taken */
    int ended;
    int refused;
    uint64_t pushed; /* runs ever appended */
    uint64_t bytes;  /* of the runs in waiting, and of the data in taken */
    uint64_t deliveries;
    uint64_t released; /* the consumer wants no generation up to this one */
    flightrec_words words;
    uint64_t flush_done; /* the latest number */
    uint64_t flush_runs; /* and its runs */
    int flushing;        /* callers of flushes */
    flightrec_holding *flushed; /* what the latest one has for those that still wait */
    holding *let_go;     /* what nobody has any more */
    uint8_t header[16];
};

#ifdef __APPLE__ /* has no clock attribute for conditions */
#define WAIT_CLOCK CLOCK_REALTIME
#else
#define WAIT_CLOCK CLOCK_MONOTONIC
#endif

flightrec_queue *flightrec_queue_new(void) {
    flightrec_queue *queue = calloc(1, sizeof *queue);
    if (queue == NULL) {
        return NULL;
    }
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
#ifndef __APPLE__
    pthread_condattr_setclock(&attributes, WAIT_CLOCK);
#endif
    pthread_cond_init(&queue->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&queue->mutex, NULL);
    return queue;
}

static int owns_data(const flightrec_run *run) {
    return run->data != NULL && !(run->flags & FLIGHTREC_RUN_HEADER);
}

static void free_data(flightrec_run *run) {
    if (owns_data(run)) {
        free((void *)run->data);
    }
}

/* How much memory the data of runs take. */
static uint64_t data_bytes(const run_list *list) {
    uint64_t bytes = 0;
    for (size_t i = 0; i < list->count; i++) {
        if (owns_data(&list->items[i])) {
            bytes += list->items[i].bytes;
        }
    }
    return bytes;
}

static void empty(run_list *list) {
    for (size_t i = 0; i < list->count; i++) {
        free_data(&list->items[i]);
    }
    list->count = 0;
}

static void unregister(flightrec_queue *queue);

void flightrec_queue_free(flightrec_queue *queue) {
    unregister(queue);
    while (flightrec_queue_let_go(queue) != 0) {
    }
    empty(&queue->waiting);
    empty(&queue->taken);
    free(queue->waiting.items);
    free(queue->taken.items);
    pthread_cond_destroy(&queue->changed);
    pthread_mutex_destroy(&queue->mutex);
    free(queue);
}

uint8_t *flightrec_queue_header(flightrec_queue *queue) { return queue->header; }

static int reserve(run_list *list, size_t count) {
    if (count <= list->capacity) {
        return 0;
    }
    size_t capacity = list->capacity ? list->capacity : 64;
    while (capacity < count) {
        capacity *= 2;
    }
    flightrec_run *items = realloc(list->items, capacity * sizeof *items);
    if (items == NULL) {
        return -1;
    }
    list->items = items;
    list->capacity = capacity;
    return 0;
}

int flightrec_queue_push(flightrec_queue *queue, flightrec_run *runs, size_t count) {
    pthread_mutex_lock(&queue->mutex);
    run_list *list = &queue->waiting;
    int failed = reserve(list, list->count + count);
    if (!failed) {
        memcpy(list->items + list->count, runs, count * sizeof *runs);
        list->count += count;
        queue->pushed += count;
        for (size_t i = 0; i < count; i++) {
            queue->bytes += runs[i].bytes;
        }
    }
    pthread_mutex_unlock(&queue->mutex);
    if (!failed) { /* without the lock, which is the first thing that the consumer wants */
        pthread_cond_broadcast(&queue->changed);
    }
    return failed;
}

int flightrec_queue_drop(flightrec_queue *queue, uint64_t generation, uint64_t *unfinished) {
    pthread_mutex_lock(&queue->mutex);
    run_list *list = &queue->waiting;
    int failed = reserve(list, list->count + 1);
    if (!failed) {
        /* Runs are in the order of their generations, behind the header if that still waits. */
        size_t first = list->count > 0 && (list->items[0].flags & FLIGHTREC_RUN_HEADER) ? 1 : 0;
        size_t end = first;
        while (end < list->count && list->items[end].generation <= generation) {
            *unfinished += (list->items[end].flags & FLIGHTREC_RUN_ENDS) != 0;
            queue->bytes -= list->items[end].bytes;
            free_data(&list->items[end]);
            end++;
        }
        flightrec_run dropped = {.generation = generation, .flags = FLIGHTREC_RUN_DROPPED};
        memmove(list->items + first + 1, list->items + end, (list->count - end) * sizeof dropped);
        list->items[first] = dropped;
        list->count = list->count - (end - first) + 1;
        queue->pushed++;
    }
    pthread_mutex_unlock(&queue->mutex);
    return failed;
}

uint64_t flightrec_queue_oldest(flightrec_queue *queue) {
    uint64_t generation = 0;
    pthread_mutex_lock(&queue->mutex);
    for (size_t i = 0; i < queue->waiting.count && generation == 0; i++) {
        if (queue->waiting.items[i].flags & FLIGHTREC_RUN_ENDS) {
            generation = queue->waiting.items[i].generation;
        }
    }
    pthread_mutex_unlock(&queue->mutex);
    return generation;
}

void flightrec_queue_end(flightrec_queue *queue) {
    pthread_mutex_lock(&queue->mutex);
    queue->ended = 1;
    pthread_cond_broadcast(&queue->changed);
    pthread_mutex_unlock(&queue->mutex);
}

void flightrec_queue_stats(flightrec_queue *queue, uint64_t *bytes, uint64_t *deliveries) {
    pthread_mutex_lock(&queue->mutex);
    *bytes = queue->bytes;
    *deliveries = queue->deliveries;
    pthread_mutex_unlock(&queue->mutex);
}

uint64_t flightrec_queue_released(flightrec_queue *queue) {
    pthread_mutex_lock(&queue->mutex);
    uint64_t generation = queue->released;
    pthread_mutex_unlock(&queue->mutex);
    return generation;
}

/* Takes all that waits, or returns 0 after the last of it. */
static size_t take(flightrec_queue *queue) {
    while (queue->waiting.count == 0 && !queue->ended) {
        pthread_cond_wait(&queue->changed, &queue->mutex);
    }
    run_list spare = queue->taken;
    queue->taken = queue->waiting;
    queue->waiting = spare;
    queue->bytes = data_bytes(&queue->taken);
    queue->busy = 1;
    return queue->taken.count;
}

int32_t flightrec_session_deliver(uint64_t session, flightrec_consumer consumer, void *context,
                                  flightrec_error *error) {
    flightrec_queue *queue = flightrec_queue_find(session);
    if (queue == NULL) {
        return flightrecOutcome(session, error);
    }
    pthread_mutex_lock(&queue->mutex);
    for (;;) {
        size_t count = take(queue);
        int64_t answer = 0;
        if (count > 0 && !queue->refused) {
            queue->deliveries++;
            pthread_mutex_unlock(&queue->mutex);
            answer = consumer(context, queue->taken.items, count);
            if (answer < 0) {
                flightrecRefuse(session);
            }
            pthread_mutex_lock(&queue->mutex);
        }
        queue->bytes -= data_bytes(&queue->taken);
        empty(&queue->taken);
        queue->busy = 0;
        queue->refused |= answer < 0;
        if (answer > 0 && (uint64_t)answer > queue->released) {
            queue->released = (uint64_t)answer;
        }
        pthread_cond_broadcast(&queue->changed);
        if (count == 0) {
            break;
        }
    }
    pthread_mutex_unlock(&queue->mutex);
    return flightrecOutcome(session, error);
}

flightrec_words *flightrec_queue_words(flightrec_queue *queue) { return &queue->words; }

static uint64_t load(uint64_t *word) { return __atomic_load_n(word, __ATOMIC_SEQ_CST); }

int32_t flightrec_session_set_advance_bytes(uint64_t session, uint64_t nbytes,
                                            flightrec_error *error) {
    flightrec_queue *queue = flightrec_queue_find(session);
    if (queue == NULL) {
        return flightrecOutcome(session, error); /* says that it is unknown */
    }
    __atomic_store_n(&queue->words.advance_bytes, nbytes, __ATOMIC_SEQ_CST);
    return FLIGHTREC_OK;
}

flightrec_holding *flightrec_queue_hold(uint64_t generation, const flightrec_segment *segments,
                                        size_t count, flightrec_holding *next) {
    holding *made = malloc(sizeof *made + count * sizeof *segments);
    if (made == NULL) {
        return NULL;
    }
    memcpy(made->segments, segments, count * sizeof *segments);
    made->shown = (flightrec_holding){
        .generation = generation, .count = count, .segments = made->segments, .next = next};
    made->holders = 1;
    made->let_go = NULL;
    return &made->shown;
}

/* One holder less. */
static void release(flightrec_queue *queue, flightrec_holding *shown) {
    holding *held = (holding *)shown;
    if (--held->holders == 0) {
        held->let_go = queue->let_go;
        queue->let_go = held;
        __atomic_add_fetch(&queue->words.let_go, 1, __ATOMIC_SEQ_CST);
    }
}

/* Nobody waits for what the latest flush has, any more. */
static void release_flushed(flightrec_queue *queue) {
    flightrec_holding *next;
    for (flightrec_holding *each = queue->flushed; each != NULL; each = next) {
        next = each->next;
        release(queue, each);
    }
    queue->flushed = NULL;
}

/* What the latest flush has, for one of those that wait; the last one has it alone. */
static flightrec_holding *take_flushed(flightrec_queue *queue) {
    flightrec_holding *all = queue->flushed;
    if (queue->flushing == 0) {
        queue->flushed = NULL;
    } else {
        for (flightrec_holding *each = all; each != NULL; each = each->next) {
            ((holding *)each)->holders++;
        }
    }
    return all;
}

uint64_t flightrec_queue_let_go(flightrec_queue *queue) {
    pthread_mutex_lock(&queue->mutex);
    holding *gone = queue->let_go;
    if (gone != NULL) {
        queue->let_go = gone->let_go;
    }
    pthread_mutex_unlock(&queue->mutex);
    uint64_t generation = gone != NULL ? gone->shown.generation : 0;
    free(gone);
    return generation;
}

void flightrec_queue_flushed(flightrec_queue *queue, uint64_t number, uint64_t runs,
                             flightrec_holding *holdings) {
    pthread_mutex_lock(&queue->mutex);
    release_flushed(queue);
    queue->flushed = holdings;
    if (queue->flushing == 0) { /* they have given up */
        release_flushed(queue);
    }
    queue->flush_done = number;
    queue->flush_runs = runs;
    pthread_cond_broadcast(&queue->changed);
    pthread_mutex_unlock(&queue->mutex);
}

static int64_t now_ns(void) {
    struct timespec now;
    clock_gettime(WAIT_CLOCK, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Waits for a change until a time, or without limit if it is below 0. Returns 0 when it is past. */
static int wait_until(flightrec_queue *queue, int64_t until_ns) {
    if (until_ns < 0) {
        return pthread_cond_wait(&queue->changed, &queue->mutex) == 0;
    }
    struct timespec until = {.tv_sec = (time_t)(until_ns / 1000000000),
                             .tv_nsec = (long)(until_ns % 1000000000)};
    return pthread_cond_timedwait(&queue->changed, &queue->mutex, &until) != ETIMEDOUT;
}

/* How many runs the consumer is done with: all before the ones taken, or the ones that wait. */
static uint64_t processed(flightrec_queue *queue) {
    return queue->pushed - queue->waiting.count - (queue->busy ? queue->taken.count : 0);
}

#define LAST_CHUNK_NS 2000000 /* a trace is busy if its last chunk is no older than this, */
#define FLOWING_NS 5000000    /* and chunks have come for longer than this */
#define NOTICED_NS 1500000    /* then the next one comes, and the flush is noticed, in this time */

/* Whether the trace reader will have its turn sooner than this thread could enter Go: on a busy
 * trace it gets one before all other goroutines. */
static int is_busy(flightrec_queue *queue) {
    int64_t now = now_ns();
    return !queue->ended && now - (int64_t)load(&queue->words.written_ns) < LAST_CHUNK_NS &&
           now - (int64_t)load(&queue->words.flowing_ns) > FLOWING_NS;
}

int32_t flightrec_session_flush(uint64_t session, int64_t timeout_ns, flightrec_holding **holdings,
                                flightrec_error *error) {
    flightrec_queue *queue = flightrec_queue_find(session);
    if (queue == NULL) {
        return flightrecOutcome(session, error); /* says that it is unknown */
    }
    int64_t began = now_ns();
    int64_t until = timeout_ns < 0 ? -1 : began + timeout_ns;
    pthread_mutex_lock(&queue->mutex);
    queue->flushing++;
    uint64_t number = __atomic_add_fetch(&queue->words.flush_wanted, 1, __ATOMIC_SEQ_CST);
    if (is_busy(queue)) {
        while (queue->flush_done < number && !queue->ended &&
               wait_until(queue, began + NOTICED_NS)) {
        }
    }
    if (load(&queue->words.flush_seen) < number && !queue->ended) {
        pthread_mutex_unlock(&queue->mutex);
        flightrecFlush(session);
        pthread_mutex_lock(&queue->mutex);
    }
    int late = 0;
    while (!late && queue->flush_done < number && !queue->ended) {
        late = !wait_until(queue, until);
    }
    uint64_t runs = queue->flush_done < number ? queue->pushed : queue->flush_runs;
    while (!late && processed(queue) < runs) {
        late = !wait_until(queue, until);
    }
    int ended = queue->ended;
    queue->flushing--;
    if (holdings != NULL) {
        *holdings = late || ended ? NULL : take_flushed(queue);
    }
    uint64_t before = load(&queue->words.let_go);
    if (queue->flushing == 0) {
        release_flushed(queue);
    }
    int collect = ended && load(&queue->words.let_go) != before;
    pthread_mutex_unlock(&queue->mutex);
    if (collect) {
        flightrecCollect(session);
    }
    if (late) {
        return flightrecTimeout(error);
    }
    return ended ? flightrecFlushed(session, error) : FLIGHTREC_OK;
}

void flightrec_session_release(uint64_t session, flightrec_holding *shown) {
    flightrec_queue *queue = flightrec_queue_find(session);
    if (queue == NULL) {
        return;
    }
    pthread_mutex_lock(&queue->mutex);
    release(queue, shown);
    int ended = queue->ended;
    pthread_mutex_unlock(&queue->mutex);
    if (ended) { /* before, the trace reader collects; it comes at least once a second */
        flightrecCollect(session); /* after which the queue may be gone */
    }
}

/* ---- from a session's handle to its queue, without Go */

static struct entry {
    uint64_t session;
    flightrec_queue *queue;
    struct entry *next;
} *registered;
static pthread_mutex_t registering = PTHREAD_MUTEX_INITIALIZER;

int flightrec_queue_register(flightrec_queue *queue, uint64_t session) {
    struct entry *entry = malloc(sizeof *entry);
    if (entry == NULL) {
        return -1;
    }
    pthread_mutex_lock(&registering);
    *entry = (struct entry){.session = session, .queue = queue, .next = registered};
    registered = entry;
    pthread_mutex_unlock(&registering);
    return 0;
}

flightrec_queue *flightrec_queue_find(uint64_t session) {
    pthread_mutex_lock(&registering);
    struct entry *entry = registered;
    while (entry != NULL && entry->session != session) {
        entry = entry->next;
    }
    pthread_mutex_unlock(&registering);
    return entry != NULL ? entry->queue : NULL;
}

static void unregister(flightrec_queue *queue) {
    pthread_mutex_lock(&registering);
    for (struct entry **at = &registered; *at != NULL; at = &(*at)->next) {
        if ((*at)->queue == queue) {
            struct entry *entry = *at;
            *at = entry->next;
            free(entry);
            break;
        }
    }
    pthread_mutex_unlock(&registering);
}

/* What stream.c, window.c and session.c share. */
#ifndef FLIGHTREC_STREAM_INTERNAL_H
#define FLIGHTREC_STREAM_INTERNAL_H

#include <pthread.h>

#include "stream.h"

/* Lock order: a stream's mutex, then the registry's or the pool's. */
struct flightrec_stream {
    pthread_mutex_t mutex;  /* for all that follows, and for the windows of this stream */
    pthread_cond_t changed; /* a generation came, a consumer is done, a flush is done, a session ended */
    uint64_t references;    /* Go's, and one of each window */
    int wake;
    int has_header;
    uint8_t header[16];
    uint64_t flush_done;
    uint64_t flush_generation; /* the newest that it completed */
    flightrec_stream_words words;
};

struct flightrec_window {
    flightrec_stream *stream;
    uint64_t references; /* Go's, the registry's, and one of each call that runs */
    uint64_t session;    /* its handle */
    uint64_t ceiling;
    int strict;
    int ended;
    int closed;
    int32_t status; /* how it ended */
    flightrec_error why;

    /* The ring: generations[first] to [first + count - 1], oldest first. */
    const flightrec_generation **generations;
    size_t first, count, capacity;
    size_t waiting; /* how many of the newest the consumer was not given */
    uint64_t kept;  /* bytes of all */
    /* What the consumer looks at, with references of its own. */
    const flightrec_generation **taken;
    size_t taken_count, taken_capacity;
    uint64_t taken_evicted; /* bytes of those that left the ring meanwhile */
    uint64_t reserved;      /* bytes that the consumer has elsewhere */
    uint64_t reserving;     /* the same, once it returns */

    uint64_t dropped, over_ceiling, deliveries;
    flightrec_window_words words;
};

/* Gives a window its handle, and the registry a reference. Returns 0, or -1 if there is no memory. */
int flightrec_session_register(flightrec_window *window);

/* Makes room for count pointers in a list. Returns 0, or -1 if there is no memory. */
int flightrec_reserve(void *list, size_t *capacity, size_t count);

int64_t flightrec_now_ns(void);
int32_t flightrec_window_deliver(flightrec_window *window, flightrec_consumer consumer,
                                 void *context, flightrec_error *error);

/* With the stream's mutex held. */

/* Asks Go to look at what is wanted. */
void flightrec_stream_ask_locked(flightrec_stream *stream);

/* Waits for a change until a time of flightrec_now_ns, or without limit if it is below 0. Returns 0
 * when that is past. */
int flightrec_stream_wait_locked(flightrec_stream *stream, int64_t until_ns);

/* Where in the ring a generation is; count if it is not there. Numbers are compared for equality
 * only: that of the generation after the largest is small. */
size_t flightrec_window_index_locked(const flightrec_window *window, uint64_t number);

/* Evicts the oldest count generations. */
void flightrec_window_evict_locked(flightrec_window *window, size_t count);

/* Whether the consumer is done with this generation and all before it. */
int flightrec_window_settled_locked(const flightrec_window *window, uint64_t number);

#endif

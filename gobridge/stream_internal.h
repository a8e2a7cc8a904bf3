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
    uint64_t flush_done; /* the number of the latest that is */
    flightrec_stream_words words;
};

struct flightrec_window {
    flightrec_stream *stream;
    uint64_t references; /* Go's, the registry's, and one of each call that runs */
    uint64_t session;    /* its handle */
    flightrec_window *next; /* the registry's */
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
    uint64_t added; /* how many there ever were */
    uint64_t kept;  /* bytes of all */
    /* What the consumer looks at, with references of its own. */
    const flightrec_generation **taken;
    size_t taken_count, taken_capacity;
    uint64_t taken_evicted; /* bytes of those that left the ring meanwhile */
    uint64_t elsewhere;     /* bytes that the consumer has copied */

    uint64_t dropped, over_ceiling, deliveries;
    flightrec_window_words words;
};

/* Gives a window its handle, and the registry a reference. */
void flightrec_session_register(flightrec_window *window);

int64_t flightrec_now_ns(void);

/* With the stream's mutex held. */

/* flightrec_session_deliver; the mutex is free while the consumer runs. */
int32_t flightrec_window_deliver_locked(flightrec_window *window, flightrec_consumer consumer,
                                        void *context, flightrec_error *error);

/* How the session ended; fills error if it was for one. */
int32_t flightrec_window_outcome_locked(const flightrec_window *window, flightrec_error *error);

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

#endif

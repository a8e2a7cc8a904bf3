/* The queue between a session and its consumer. It lies in C memory and is C's, so that neither the
 * consumer's thread nor one that waits for a flush has to be in Go: a thread that enters Go waits
 * for a P, and beside goroutines that use all of them it does so for tens of milliseconds. */
#ifndef FLIGHTREC_QUEUE_H
#define FLIGHTREC_QUEUE_H

#include <stddef.h>
#include <stdint.h>

#include "include/gobridge.h"

typedef struct flightrec_queue flightrec_queue;

flightrec_queue *flightrec_queue_new(void);

/* Makes it findable by its session's handle. Returns 0, or -1 if there is no memory. */
int flightrec_queue_register(flightrec_queue *queue, uint64_t session);

/* Returns NULL for a handle that is not registered. */
flightrec_queue *flightrec_queue_find(uint64_t session);

/* Nobody may use it any more. */
void flightrec_queue_free(flightrec_queue *queue);

/* Where the header is kept for as long as the queue is. */
uint8_t *flightrec_queue_header(flightrec_queue *queue);

/* Appends runs and wakes the consumer. The queue frees their data (malloc), unless it is the header.
 * Returns 0, or -1 if there is no memory: then nothing is appended. */
int flightrec_queue_push(flightrec_queue *queue, flightrec_run *runs, size_t count);

/* Replaces all that waits of generations up to this one by a run that says they were dropped. Adds
 * how many of them it thereby kept from being completed. Does not wake the consumer: that can wait.
 * Returns 0, or -1 as push does. */
int flightrec_queue_drop(flightrec_queue *queue, uint64_t generation, uint64_t *unfinished);

/* The oldest generation whose end waits; 0 if none does. */
uint64_t flightrec_queue_oldest(flightrec_queue *queue);

/* Words of C memory that Go reads and writes with its atomic operations, so that who has something
 * to ask need not be in Go. */
typedef struct {
    uint64_t flush_wanted;  /* the number of the latest flush that is asked for */
    uint64_t flush_seen;    /* the latest one that Go has begun to serve */
    uint64_t written_ns;    /* when a chunk came last, by the monotonic clock */
    uint64_t flowing_ns;    /* since when they have come without a pause */
    uint64_t advance_bytes; /* as in flightrec_options */
    uint64_t let_go;        /* how many holdings nobody has any more, ever */
} flightrec_words;

flightrec_words *flightrec_queue_words(flightrec_queue *queue);

/* Returns a new holding, NULL if there is no memory. The next one is the list to put it before. */
flightrec_holding *flightrec_queue_hold(uint64_t generation, const flightrec_segment *segments,
                                        size_t count, flightrec_holding *next);

/* The flush with this number is done once the consumer is done with so many runs; who waits for it
 * gets these holdings. */
void flightrec_queue_flushed(flightrec_queue *queue, uint64_t number, uint64_t runs,
                             flightrec_holding *holdings);

/* Takes one holding that was let go of, and returns its generation; 0 if there is none. */
uint64_t flightrec_queue_let_go(flightrec_queue *queue);

/* Nothing more will be pushed. */
void flightrec_queue_end(flightrec_queue *queue);

/* Up to which generation the consumer lets the window go. */
uint64_t flightrec_queue_released(flightrec_queue *queue);

/* How many bytes of trace wait, and how often the consumer was called. */
void flightrec_queue_stats(flightrec_queue *queue, uint64_t *bytes, uint64_t *deliveries);

#endif

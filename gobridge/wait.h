/* Waits in C that end at a time, by a clock that nobody sets. */
#ifndef FLIGHTREC_WAIT_H
#define FLIGHTREC_WAIT_H

#include <pthread.h>
#include <stdint.h>

/* Makes a condition for flightrec_wait. */
void flightrec_wait_init(pthread_cond_t *condition);

/* Returns the time when a timeout will be over; below 0: never. */
int64_t flightrec_wait_limit(int64_t timeout_ns);

/* Waits for a condition, with its mutex held. Returns 0 when the limit is past. */
int flightrec_wait(pthread_cond_t *condition, pthread_mutex_t *mutex, int64_t limit);

#endif

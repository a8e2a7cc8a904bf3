#include "deliver.h"

#include <stdlib.h>

#include "_cgo_export.h"

#define RUNS_PER_CALL 64

flightrec_mailbox *flightrec_mailbox_new(void) {
    flightrec_mailbox *box = calloc(1, sizeof *box);
    if (box != NULL) {
        pthread_mutex_init(&box->mutex, NULL);
        pthread_cond_init(&box->posted_now, NULL);
    }
    return box;
}

void flightrec_mailbox_free(flightrec_mailbox *box) {
    pthread_cond_destroy(&box->posted_now);
    pthread_mutex_destroy(&box->mutex);
    free(box);
}

void flightrec_mailbox_post(flightrec_mailbox *box) {
    pthread_mutex_lock(&box->mutex);
    box->posted = 1;
    pthread_cond_signal(&box->posted_now);
    pthread_mutex_unlock(&box->mutex);
}

static void wait_for_post(flightrec_mailbox *box) {
    pthread_mutex_lock(&box->mutex);
    while (!box->posted) {
        pthread_cond_wait(&box->posted_now, &box->mutex);
    }
    box->posted = 0;
    pthread_mutex_unlock(&box->mutex);
}

/* The thread waits here, and calls the consumer from here, and not from Go: a goroutine that
 * enters C keeps its P until the scheduler takes it away, so a callback that waits for Python's
 * lock would cost the workload a P for up to 10 ms each time. */
int32_t flightrec_session_deliver(uint64_t session, flightrec_consumer consumer, void *context,
                                  flightrec_error *error) {
    flightrec_run runs[RUNS_PER_CALL];
    flightrec_mailbox *box = flightrecMailbox(session);
    int refused = 0;
    while (box != NULL) {
        int64_t count = flightrecTake(session, runs, RUNS_PER_CALL);
        if (count < 0) {
            break;
        }
        if (count == 0) {
            wait_for_post(box);
        } else if (!refused && consumer(context, runs, (size_t)count) != 0) {
            refused = 1;
            flightrecRefuse(session);
        }
    }
    return flightrecOutcome(session, error);
}

/* The consumer's side of a session: where its thread waits. */
#ifndef FLIGHTREC_DELIVER_H
#define FLIGHTREC_DELIVER_H

#include <pthread.h>
#include <stdint.h>

#include "include/gobridge.h"

/* Lies in C memory, so that the thread can wait without being in Go. */
typedef struct {
    pthread_mutex_t mutex;
    pthread_cond_t posted_now;
    int posted;
    uint8_t header[16];
} flightrec_mailbox;

flightrec_mailbox *flightrec_mailbox_new(void);
void flightrec_mailbox_free(flightrec_mailbox *box);
void flightrec_mailbox_post(flightrec_mailbox *box);

#endif

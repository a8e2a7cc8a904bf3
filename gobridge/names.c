#include "names.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "include/gobridge.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static char *said;

void flightrec_thread_names(flightrec_text names) {
    char *copy = strdup(names);
    if (copy == NULL) {
        return;
    }
    pthread_mutex_lock(&mutex);
    char *before = said;
    said = copy;
    pthread_mutex_unlock(&mutex);
    free(before);
}

char *flightrec_names_copy(void) {
    pthread_mutex_lock(&mutex);
    char *copy = said != NULL ? strdup(said) : NULL;
    pthread_mutex_unlock(&mutex);
    return copy;
}

/* The names of threads, on their way from Python to the trace. */
#ifndef FLIGHTREC_NAMES_H
#define FLIGHTREC_NAMES_H

/* Returns a copy of what flightrec_thread_names said last, to be freed; NULL if it said nothing. */
char *flightrec_names_copy(void);

#endif

/* The queue of news from Go to Python. Whoever takes from it waits in C, and so needs none of Go's
 * Ps; whoever puts never waits. */
#ifndef FLIGHTREC_NEWS_H
#define FLIGHTREC_NEWS_H

#include "include/gobridge.h"

/* Puts a copy in the queue. Returns 0 if nobody will be told of it: the queue is closed, or has as
 * many of a kind that may be dropped as it takes. */
int flightrec_news_put(const flightrec_news *news);

#endif

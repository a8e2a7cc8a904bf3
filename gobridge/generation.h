/* Complete generations, counted references. Any thread may call these. */
#ifndef FLIGHTREC_GENERATION_H
#define FLIGHTREC_GENERATION_H

#include "include/gobridge.h"

/* Makes a generation of facts and of segments in blocks of FLIGHTREC_BLOCK_BYTES, which it owns from
 * then on. The caller has the only reference. Returns NULL if there is no memory; then the blocks
 * remain the caller's. */
const flightrec_generation *flightrec_generation_new(const flightrec_generation *facts,
                                                     const flightrec_segment *segments,
                                                     size_t count);

#endif

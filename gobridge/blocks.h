/* Memory for trace data, outside the Go heap: it does not count towards the program's heap, so
 * recording does not change how often its garbage collector runs. Any thread may call these. */
#ifndef FLIGHTREC_BLOCKS_H
#define FLIGHTREC_BLOCKS_H

#include <stddef.h>
#include <stdint.h>

/* The size of a pooled block: four batches of the largest size. Batches do not straddle blocks. */
#define FLIGHTREC_BLOCK_BYTES ((size_t)256 << 10)

/* Returns a block of FLIGHTREC_BLOCK_BYTES, or NULL if there is no memory. */
void *flightrec_block_get(void);

/* Takes a block back, whose size is capacity; nothing may refer to its memory any more. */
void flightrec_block_put(void *block, size_t capacity);

/* Returns a block with the first used bytes of a pooled one, not much larger than they are, and
 * takes that one back; or the same block, where that saves little. *capacity is its size. */
void *flightrec_block_shrink(void *block, size_t used, size_t *capacity);

/* Gives idle blocks back to the operating system. */
void flightrec_blocks_trim(void);

/* How much memory is in use, idle blocks included. */
uint64_t flightrec_blocks_mapped(void);

#endif

#ifndef VM_OP_SIMD_MATMUL_H
#define VM_OP_SIMD_MATMUL_H

/* The fast matmul, included by avx2.c and avx512.c.  TILE_ROWS rows by two vectors of columns stay
 * in registers while k ascends; the operands are packed into panels that fit the caches when
 * that pays.  Nothing here changes a bit: K is cut into blocks but each accumulator is stored
 * to C and loaded again between them, and what is padded is rows and columns, never K.
 * Shape of the algorithm: Goto and van de Geijn, "Anatomy of high-performance matrix
 * multiplication", 2008. */

#include "vm/op/simd_rows.h"
#include "vm/op/simd_tile.h"

enum {
    DIRECT_ROWS_MAX = 96,    /* fewer rows: reading B in place is cheaper than packing it */
    DIRECT_COLS_MAX = 512,   /* and A, row by row */
    DIRECT_COLS_MAX_TA = 64, /* and A transposed, whose rows of the tile share few cache sets */
};

/* One block: rows x cols of C over `inner` values of k, all panels at hand. */
struct block {
    const struct vm_matmul *m;
    float *a; /* packed A, or NULL to read it in place */
    float *b; /* packed panels of B, VM_PACK_K * TILE_COLS floats each */
    bool pack_b;
    size_t row;
    size_t rows;
    size_t col;
    size_t cols;
    size_t k;
    size_t inner;
};

static size_t at_most(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Rows are dealt evenly over the panels: 64 rows are 6 panels of 11 or 10, not 5 of 12 and a
 * slow one of 4. */
static size_t panel_rows(size_t rows)
{
    const size_t panels = (rows + TILE_ROWS - 1) / TILE_ROWS;
    return (rows + panels - 1) / panels;
}

TARGET static void pack_a_block(const struct block *block)
{
    const struct vm_matmul *m = block->m;
    const size_t height = panel_rows(block->rows);
    float *out = block->a;
    for (size_t i = 0; i < block->rows; i += height) {
        const struct lines lines = {
            .x = m->a + (block->row + i) * m->a_row + block->k * m->a_col,
            .line = m->a_row,
            .step = m->a_col,
            .count = at_most(height, block->rows - i),
            .inner = block->inner,
        };
        pack(&lines, out, lines.count);
        out += lines.count * block->inner;
    }
}

static size_t panel_width(size_t cols)
{
    return cols <= WIDTH ? WIDTH : TILE_COLS;
}

/* A panel of B is packed if B is transposed or will be read often, or is not whole. */
TARGET static void pack_b_block(const struct block *block)
{
    const struct vm_matmul *m = block->m;
    for (size_t j = 0; j < block->cols; j += TILE_COLS) {
        const struct lines lines = {
            .x = m->b + (block->col + j) * m->b_col + block->k * m->b_row,
            .line = m->b_col,
            .step = m->b_row,
            .count = at_most(TILE_COLS, block->cols - j),
            .inner = block->inner,
        };
        const size_t width = panel_width(lines.count);
        if (block->pack_b || lines.count < width) {
            pack(&lines, block->b + j * VM_PACK_K, width);
        }
    }
}

/* A tile whose columns end inside a vector works on a copy of its piece of C. */
TARGET static void tile_partial(struct tile *t, unsigned rows, size_t cols)
{
    float copy[TILE_ROWS * TILE_COLS];
    float *c = t->c;
    const size_t c_row = t->c_row;
    const size_t width = panel_width(cols);
    for (size_t i = 0; i < rows && !t->first; i++) {
        memcpy(copy + i * width, c + i * c_row, cols * sizeof(float));
        memset(copy + i * width + cols, 0, (width - cols) * sizeof(float));
    }
    t->c = copy;
    t->c_row = width;
    tile_dispatch(t, rows, width == TILE_COLS);
    for (size_t i = 0; i < rows; i++) {
        memcpy(c + i * c_row, copy + i * width, cols * sizeof(float));
    }
}

/* The accumulators of the tile below the current one, ahead of time. */
TARGET static inline void prefetch_tile(const float *c, size_t c_row, size_t rows)
{
    for (size_t i = 0; i < rows; i++) {
        _mm_prefetch((const char *)(c + i * c_row), _MM_HINT_T0);
        _mm_prefetch((const char *)(c + i * c_row + WIDTH), _MM_HINT_T0);
    }
}

TARGET static void panel_run(const struct block *block, size_t j)
{
    const struct vm_matmul *m = block->m;
    const size_t cols = at_most(TILE_COLS, block->cols - j);
    const size_t width = panel_width(cols);
    const bool packed = block->pack_b || cols < width;
    const size_t height = panel_rows(block->rows);
    const float *a = block->a;
    for (size_t i = 0; i < block->rows; i += height) {
        const size_t rows = at_most(height, block->rows - i);
        struct tile t = {
            .a = a != NULL ? a : m->a + (block->row + i) * m->a_row + block->k * m->a_col,
            .a_row = a != NULL ? 1 : m->a_row,
            .a_col = a != NULL ? rows : m->a_col,
            .b = packed ? block->b + j * VM_PACK_K : m->b + block->k * m->b_row + block->col + j,
            .b_row = packed ? width : m->b_row,
            .c = m->c + (block->row + i) * m->c_row + block->col + j,
            .c_row = m->c_row,
            .inner = block->inner,
            .first = block->k == 0,
            .last = block->k + block->inner == m->inner,
        };
        if (i + rows < block->rows) {
            prefetch_tile(t.c + rows * t.c_row, t.c_row, at_most(height, block->rows - i - rows));
        }
        if (cols < width) {
            tile_partial(&t, (unsigned)rows, cols);
        } else {
            tile_dispatch(&t, (unsigned)rows, cols == TILE_COLS);
        }
        a = a != NULL ? a + rows * block->inner : NULL;
    }
}

TARGET static void block_run(const struct block *block)
{
    if (block->a != NULL) {
        pack_a_block(block);
    }
    for (size_t j = 0; j < block->cols; j += TILE_COLS) {
        panel_run(block, j);
    }
}

/* All rows of one block of columns and k. */
TARGET static void strip_run(struct block *block)
{
    pack_b_block(block);
    for (block->row = 0; block->row < block->m->rows; block->row += VM_PACK_ROWS) {
        block->rows = at_most(VM_PACK_ROWS, block->m->rows - block->row);
        block_run(block);
    }
}

TARGET static void matmul(const struct vm_matmul *m, float *scratch)
{
    struct block block = {.m = m, .b = scratch};
    block.pack_b = m->b_col != 1 || m->rows > DIRECT_ROWS_MAX;
    const size_t direct_cols_max = m->a_col == 1 ? DIRECT_COLS_MAX : DIRECT_COLS_MAX_TA;
    block.a = m->cols > direct_cols_max ? scratch + (size_t)VM_PACK_K * VM_PACK_COLS : NULL;
    for (block.col = 0; block.col < m->cols; block.col += VM_PACK_COLS) {
        block.cols = at_most(VM_PACK_COLS, m->cols - block.col);
        for (block.k = 0; block.k < m->inner; block.k += VM_PACK_K) {
            block.inner = at_most(VM_PACK_K, m->inner - block.k);
            strip_run(&block);
        }
    }
}

const struct vm_kernels KERNELS = {.ewise = ewise,
                                   .fill = fill,
                                   .iota = iota,
                                   .canon = canon,
                                   .matmul = matmul,
                                   .rowsum = rowsum,
                                   .rowdot = rowdot,
                                   .rowmax = rowmax,
                                   .colsum = colsum};

#endif /* VM_OP_SIMD_MATMUL_H */

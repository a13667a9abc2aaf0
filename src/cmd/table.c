/* table.c - rows and columns in terminal cells. */
#include <string.h>

#include "base/text.h"
#include "base/utf8.h"
#include "cmd/out.h"

enum { GAP = 2, NARROWEST = 8 };

void ml_table_init(ml_table *t, const char *const *titles, size_t columns,
                   size_t wide) {
  memset(t, 0, sizeof *t);
  t->titles = titles;
  t->columns = columns;
  t->wide = wide;
}

void ml_table_cell(ml_table *t, ml_str s) {
  ml_out_clean(&t->text, s);
  ml_buf_put(&t->text, "", 1);
  t->cells++;
}

void ml_table_cellz(ml_table *t, const char *s) {
  ml_table_cell(t, ml_str_of(s));
}

void ml_table_time(ml_table *t, int64_t ms) {
  ml_out_time(&t->text, ms);
  ml_buf_put(&t->text, "", 1);
  t->cells++;
}

/* One cell, cut to `max` terminal cells (0: whole), then blanks up to `pad`. */
static void put_cell(ml_buf *out, ml_str s, size_t max, size_t pad) {
  const char *p = s.p, *end = ml_str_end(s);
  size_t cells = ml_text_cells(s);

  if (max > 0 && cells > max) {
    for (cells = 0; p < end;) {
      size_t n = ml_utf8_step(p, end);
      size_t wide = ml_text_cells((ml_str){p, n});

      if (n == 0 || cells + wide + 1 > max)
        break;
      ml_buf_put(out, p, n);
      cells += wide;
      p += n;
    }
    ml_buf_puts(out, "\xE2\x80\xA6");      /* one cell: three dots */
    cells++;
  } else {
    ml_buf_put(out, s.p, s.n);
  }
  for (; cells < pad; cells++)
    ml_buf_putc(out, ' ');
}

/* How wide each column is, and how wide the wide one may be. */
static size_t measure(const ml_table *t, size_t width, size_t *cells) {
  const char *p = t->text.p;
  size_t sum = 0, most;

  for (size_t c = 0; c < t->columns; c++)
    cells[c] = ml_text_cells(ml_str_of(t->titles[c]));
  for (size_t i = 0; i < t->cells; i++, p += strlen(p) + 1) {
    size_t n = ml_text_cells(ml_str_of(p));

    if (n > cells[i % t->columns])
      cells[i % t->columns] = n;
  }
  for (size_t c = 0; c < t->columns; c++)
    sum += cells[c] + (c > 0 ? GAP : 0);
  if (width == 0 || sum <= width)
    return 0;
  most = cells[t->wide];
  most = most > sum - width + NARROWEST ? most - (sum - width) : NARROWEST;
  if (most < cells[t->wide])
    cells[t->wide] = most;
  return cells[t->wide];
}

static void put_row(const ml_table *t, const char *const *texts,
                    const size_t *cells, size_t cut, ml_buf *out) {
  size_t last = t->columns;

  while (last > 1 && texts[last - 1][0] == '\0')
    last--;                      /* no blanks at a line's end */
  for (size_t c = 0; c < last; c++) {
    put_cell(out, ml_str_of(texts[c]), c == t->wide ? cut : 0,
             c + 1 < last ? cells[c] : 0);
    if (c + 1 < last)
      ml_buf_puts(out, "  ");
  }
  ml_buf_putc(out, '\n');
}

void ml_table_put(ml_table *t, size_t width, ml_buf *out) {
  size_t cells[ML_COLUMNS_MAX], cut;
  const char *row[ML_COLUMNS_MAX], *p = t->text.p;

  if (t->text.bad || t->columns > ML_COLUMNS_MAX) {
    out->bad = true;
    ml_buf_free(&t->text);
    return;
  }
  cut = measure(t, width, cells);
  put_row(t, t->titles, cells, cut, out);
  for (size_t i = 0; i + t->columns <= t->cells; i += t->columns) {
    for (size_t c = 0; c < t->columns; c++, p += strlen(p) + 1)
      row[c] = p;
    put_row(t, row, cells, cut, out);
  }
  ml_buf_free(&t->text);
}

/* frame.c - where a frame begins and ends. */
#include "script/frame.h"

#include "model/attempt.h"

int64_t ml_frame_within(const char *p, size_t n, size_t most, int *kind,
                        ml_str *record) {
  const unsigned char *u = (const unsigned char *)p;
  uint32_t len;

  if (n < 4)
    return 0;
  len = (uint32_t)u[0] | (uint32_t)u[1] << 8 | (uint32_t)u[2] << 16 |
        (uint32_t)u[3] << 24;
  if (len < 1 || len > most)
    return -1;
  if (n - 4 < len)
    return 0;
  *kind = u[4];
  *record = (ml_str){p + ML_FRAME_HEAD, len - 1};
  return (int64_t)len + 4;
}

int64_t ml_frame_next(const char *p, size_t n, int *kind, ml_str *record) {
  return ml_frame_within(p, n, ML_FRAME_MAX, kind, record);
}

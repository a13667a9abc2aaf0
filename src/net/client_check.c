/*
** client_check.c - what a call may ask for, and where it may go.
**
** The URL's text is judged for form only.  Where it leads is judged on the
** resolved address: no spelling of an address, and no name server that
** changes its mind, gets around that.
*/
#include "net/client_check.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "net/address.h"
#include "net/http_char.h"

#define URL_MAX 8192u
#define HEADERS_MAX 64u
#define HEADER_BYTES_MAX 16384u

static bool one_of(ml_str s, const char *const *list) {
  for (; *list != NULL; list++) {
    if (ml_http_is_same(s, *list))
      return true;
  }
  return false;
}

static ml_rc check_method(const ml_http_call *call, ml_err *e) {
  static const char *const methods[] = {"GET", "HEAD", "POST", "PUT", "PATCH",
                                        "DELETE", NULL};
  size_t i;

  for (i = 0; methods[i] != NULL && !ml_str_is(call->method, methods[i]); i++)
    ;
  if (methods[i] == NULL)
    return ml_err_set(e, ML_REFUSED, "", "the method '%.*s' is not allowed: "
                      "GET, HEAD, POST, PUT, PATCH and DELETE are",
                      (int)(call->method.n < 40 ? call->method.n : 40),
                      call->method.p != NULL ? call->method.p : "");
  if (i == 1 && call->body.n > 0)
    return ml_err_set(e, ML_REFUSED, "", "a HEAD request has no body");
  return ML_OK;
}

/* ---- headers ---- */

static ml_rc check_header(ml_str h, ml_err *e) {
  /* What frames the message, or belongs to the connection, is made here. */
  static const char *const ours[] = {
    "Host", "Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive",
    "Proxy-Connection", "Upgrade", "TE", "Trailer", "Expect", "HTTP2-Settings",
    NULL};
  const char *colon = h.n > 0 ? memchr(h.p, ':', h.n) : NULL;
  ml_str name, value;

  if (colon == NULL)
    return ml_err_set(e, ML_REFUSED, "", "a request header has no colon");
  name = (ml_str){h.p, (size_t)(colon - h.p)};
  value = (ml_str){colon + 1, h.n - name.n - 1};
  if (!ml_http_is_token(name))
    return ml_err_set(e, ML_REFUSED, "", "the name of a request header may "
                      "hold letters, digits and !#$%%&'*+-.^_`|~ only");
  if (!ml_http_is_value(value))
    return ml_err_set(e, ML_REFUSED, "", "the value of the request header "
                      "'%.*s' holds a control byte",
                      (int)(name.n < 80 ? name.n : 80), name.p);
  if (one_of(name, ours))
    return ml_err_set(e, ML_REFUSED, "", "the request header '%.*s' is set "
                      "by moonlane", (int)name.n, name.p);
  return ML_OK;
}

static ml_rc check_headers(const ml_http_call *call, ml_err *e) {
  size_t i, bytes = 0;
  ml_rc rc;

  if (call->header_count > HEADERS_MAX)
    return ml_err_set(e, ML_REFUSED, "", "a request may have at most %u "
                      "headers", HEADERS_MAX);
  for (i = 0; i < call->header_count; i++) {
    rc = check_header(call->headers[i], e);
    if (rc != ML_OK)
      return rc;
    bytes += call->headers[i].n;
  }
  if (bytes > HEADER_BYTES_MAX)
    return ml_err_set(e, ML_REFUSED, "", "request headers may have at most "
                      "%u bytes", HEADER_BYTES_MAX);
  return ML_OK;
}

/* ---- the URL ---- */

static ml_rc url_error(ml_err *e, const char *why) {
  return ml_err_set(e, ML_REFUSED, "", "the URL is not allowed: %s", why);
}

static ml_rc check_url_bytes(ml_str url, ml_err *e) {
  size_t i;

  if (url.n == 0 || url.n > URL_MAX)
    return url_error(e, "it must have 1 to 8192 bytes");
  for (i = 0; i < url.n; i++) {
    if (url.p[i] <= ' ' || url.p[i] > '~' || url.p[i] == '\\')
      return url_error(e, "blanks, backslashes, control bytes and bytes above "
                          "127 must be percent-encoded");
  }
  if (strncasecmp(url.p, "http://", url.n < 7 ? url.n : 7) != 0 &&
      strncasecmp(url.p, "https://", url.n < 8 ? url.n : 8) != 0)
    return url_error(e, "it must begin with http:// or https://");
  return ML_OK;
}

static char *part_of(CURLU *u, CURLUPart part, unsigned flags) {
  char *text = NULL;

  return curl_url_get(u, part, &text, flags) == CURLUE_OK ? text : NULL;
}

/* A name whose last label is a number is meant as an IPv4 address; if it is
** not one, no name server need be asked. */
static bool is_odd_number(const char *host) {
  size_t n = strlen(host);
  const char *label;
  ml_address a;

  if (n > 0 && host[n - 1] == '.')
    n--;
  for (label = host + n; label > host && label[-1] != '.'; label--)
    ;
  return host[0] != '[' && *label >= '0' && *label <= '9' &&
         strspn(label, "0123456789abcdefABCDEFxX") >= (size_t)(host + n - label) &&
         !ml_address_parse(ml_str_of(host), &a);
}

static void put_lower(ml_buf *b, const char *s) {
  for (; *s != '\0'; s++)
    ml_buf_putc(b, *s >= 'A' && *s <= 'Z' ? (char)(*s - 'A' + 'a') : *s);
}

/* Fill in url and host from the parsed URL. */
static ml_rc parts(CURLU *u, ml_buf *url, ml_buf *host, ml_err *e) {
  char *scheme = part_of(u, CURLUPART_SCHEME, 0);
  char *name = part_of(u, CURLUPART_HOST, 0);
  char *port = part_of(u, CURLUPART_PORT, CURLU_DEFAULT_PORT);
  char *all = part_of(u, CURLUPART_URL, 0);
  ml_rc rc = ML_OK;

  if (scheme == NULL || name == NULL || port == NULL || all == NULL) {
    rc = url_error(e, "it has no host");
  } else if (is_odd_number(name)) {
    rc = url_error(e, "its host is not a proper IPv4 address");
  } else {
    put_lower(host, scheme);
    ml_buf_puts(host, "://");
    put_lower(host, name);
    ml_buf_putc(host, ':');
    ml_buf_puts(host, port);
    ml_buf_puts(url, all);
    if (host->bad || url->bad)
      rc = ml_err_set(e, ML_NOMEM, "", "out of memory");
  }
  curl_free(scheme);
  curl_free(name);
  curl_free(port);
  curl_free(all);
  return rc;
}

static ml_rc check_url(ml_str text, ml_buf *url, ml_buf *host, ml_err *e) {
  CURLU *u;
  CURLUcode bad;
  ml_rc rc = check_url_bytes(text, e);

  if (rc != ML_OK)
    return rc;
  ml_buf_put(url, text.p, text.n);
  u = curl_url();
  if (u == NULL || url->bad) {
    curl_url_cleanup(u);
    return ml_err_set(e, ML_NOMEM, "", "out of memory");
  }
  bad = curl_url_set(u, CURLUPART_URL, url->p,
                     CURLU_DISALLOW_USER | CURLU_PATH_AS_IS);
  if (bad == CURLUE_OK)
    bad = curl_url_set(u, CURLUPART_FRAGMENT, NULL, 0);
  ml_buf_reset(url);
  if (bad == CURLUE_OUT_OF_MEMORY)
    rc = ml_err_set(e, ML_NOMEM, "", "out of memory");
  else if (bad == CURLUE_USER_NOT_ALLOWED)
    rc = url_error(e, "it may not hold a user name or password");
  else if (bad != CURLUE_OK)
    rc = url_error(e, curl_url_strerror(bad));
  else
    rc = parts(u, url, host, e);
  curl_url_cleanup(u);
  return rc;
}

ml_rc ml_client_check(const ml_http_call *call, ml_buf *url, ml_buf *host,
                      ml_err *e) {
  ml_rc rc = check_method(call, e);

  if (rc == ML_OK)
    rc = check_headers(call, e);
  if (rc == ML_OK)
    rc = check_url(call->url, url, host, e);
  return rc;
}

/* ---- addresses ---- */

static bool common_port(uint16_t port) {
  return port == 80 || port == 443 || port >= 1024;
}

ml_rc ml_client_check_address(const struct sockaddr *sa, const ml_str *allow,
                              size_t allow_count, ml_err *e) {
  char text[ML_ADDRESS_TEXT];
  ml_address a;
  uint16_t port;
  bool listed = false, exact = false, one;
  size_t i;

  if (!ml_address_of(sa, &a, &port))
    return ml_err_set(e, ML_REFUSED, "", "the host has neither an IPv4 nor an "
                      "IPv6 address");
  for (i = 0; i < allow_count; i++) {
    if (ml_address_allowed(allow[i], &a, port, &one)) {
      listed = true;
      exact |= one;
    }
  }
  ml_address_print(&a, port, text);
  if (!listed && ml_address_private(&a))
    return ml_err_set(e, ML_REFUSED, "", "%s is a private address: an operator "
                      "may list it, with its port, under allow_addresses",
                      text);
  if (!exact && !common_port(port))
    return ml_err_set(e, ML_REFUSED, "", "port %u is not allowed: 80, 443 and "
                      "those from 1024 are; an operator may list %s under "
                      "allow_addresses", (unsigned)port, text);
  return ML_OK;
}

bool ml_client_address_private(const struct sockaddr *sa) {
  ml_address a;
  uint16_t port;

  return !ml_address_of(sa, &a, &port) || ml_address_private(&a);
}

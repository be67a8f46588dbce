// Fast mock OpenAI upstream. Single-threaded epoll; TCP + unix socket.
//   cc -O2 -o mock mock_upstream.c ;  ./mock 9100 mock.sock
// Behaviour is chosen by the model name in the JSON body: "mock-nN-dD"  N = SSE chunks, D = inter-chunk delay in
// microseconds,
// "-wW" = microseconds to wait before a non-streaming reply. "stream":true selects SSE.
// Every SSE delta carries T<monotonic ns> so the load driver can compute per-chunk relay latency.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
typedef struct conn {
  int fd;
  char *buf;
  size_t len, cap;
  int streaming;
  int left;
  int64_t due;
  int64_t delay;
  int wait_reply;
  int total;
  char *out;
  size_t olen, ooff, ocap;
  int want_out;
  int closed;
  int close_after;
  struct conn *prev, *next;
} conn;
static conn head;
static int ep, tfd;
static uint64_t nreq;
static int64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}
static void link_(conn *c) {
  c->next = head.next;
  c->prev = &head;
  if (head.next) head.next->prev = c;
  head.next = c;
}
static void unlink_(conn *c) {
  if (c->prev) {
    c->prev->next = c->next;
    if (c->next) c->next->prev = c->prev;
    c->prev = c->next = NULL;
  }
}
static void cl(conn *c) {
  unlink_(c);
  close(c->fd);
  free(c->buf);
  free(c->out);
  free(c);
}
static int flush_(conn *c) {
  while (c->ooff < c->olen) {
    ssize_t n = send(c->fd, c->out + c->ooff, c->olen - c->ooff, MSG_NOSIGNAL);
    if (n < 0) {
      if (errno == EAGAIN) {
        if (!c->want_out) {
          struct epoll_event e = {EPOLLIN | EPOLLOUT, {.ptr = c}};
          epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &e);
          c->want_out = 1;
        }
        return 0;
      }
      return -1;
    }
    c->ooff += n;
  }
  c->ooff = c->olen = 0;
  if (c->want_out) {
    struct epoll_event e = {EPOLLIN, {.ptr = c}};
    epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &e);
    c->want_out = 0;
  }
  return 0;
}
static int put(conn *c, const char *s, size_t n) {
  if (c->olen == c->ooff) {
    c->olen = c->ooff = 0;
  }
  if (c->olen + n > c->ocap) {
    c->ocap = (c->olen + n) * 2;
    c->out = realloc(c->out, c->ocap);
  }
  memcpy(c->out + c->olen, s, n);
  c->olen += n;
  return flush_(c);
}
static const char *BODY =
    "{\"id\":\"chatcmpl-bench0001\",\"object\":\"chat.completion\",\"created\":1760000000,\"model\":\"mock\","
    "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"The quarterly report shows that "
    "revenue grew by twelve percent while operating costs stayed flat, so the margin improved. The main drivers were "
    "the new subscription tier and lower hosting spend. Two risks remain: renewal concentration in the top five "
    "accounts, and a pending change in the data residency rules that may require a second "
    "region.\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":52,\"completion_tokens\":64,\"total_tokens\":"
    "116}}";
static const char *MODELS = "{\"object\":\"list\",\"data\":[{\"id\":\"mock-n100-d0\",\"object\":\"model\",\"created\":"
                            "1,\"owned_by\":\"mock\"}]}";
static int json(conn *c, const char *b) {
  char h[4096];
  int n = snprintf(h, sizeof h, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                   strlen(b), b);
  return put(c, h, n);
}
static int chunk(conn *c, int last) {
  char p[512], f[640];
  int n;
  if (last == 0)
    n = snprintf(p, sizeof p,
                 "data: "
                 "{\"id\":\"chatcmpl-bench0001\",\"object\":\"chat.completion.chunk\",\"created\":1760000000,\"model\":"
                 "\"mock\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" T%lld \"},\"finish_reason\":null}]}\n\n",
                 (long long)now());
  else
    n = snprintf(p, sizeof p,
                 "data: "
                 "{\"id\":\"chatcmpl-bench0001\",\"object\":\"chat.completion.chunk\",\"created\":1760000000,\"model\":"
                 "\"mock\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n");
  int m = snprintf(f, sizeof f, "%x\r\n%s\r\n%s", n, p, last ? "0\r\n\r\n" : "");
  return put(c, f, m);
}
static int step(conn *c) { // returns <0 on error
  if (c->wait_reply) {
    c->wait_reply = 0;
    unlink_(c);
    return json(c, BODY);
  }
  do {
    if (c->left <= 0) {
      int r = chunk(c, 1);
      c->streaming = 0;
      unlink_(c);
      return r;
    }
    c->left--;
    if (chunk(c, 0) < 0) return -1;
  } while (c->delay == 0);
  c->due += c->delay;
  return 0;
}
static char *ci(char *h, size_t n, const char *k) { return strcasestr(h, k); }
static int handle(conn *c) { // try to parse requests in buf
  for (;;) {
    if (c->streaming || c->wait_reply) return 0;
    c->buf[c->len] = 0;
    char *e = memmem(c->buf, c->len, "\r\n\r\n", 4);
    if (!e) return 0;
    size_t hl = e - c->buf + 4;
    *e = 0;
    char *h = c->buf;
    size_t bl = 0;
    int chunked = 0;
    char *p;
    if ((p = ci(h, hl, "\r\ncontent-length:"))) bl = strtoul(p + 17, 0, 10);
    if ((p = ci(h, hl, "\r\ntransfer-encoding:")) && strncasecmp(p + 20 + strspn(p + 20, " "), "chunked", 7) == 0)
      chunked = 1;
    int ex = ci(h, hl, "\r\nexpect:") != NULL;
    int ka = !(ci(h, hl, "\r\nconnection: close"));
    *e = '\r';
    size_t tot;
    char *b = c->buf + hl;
    size_t blen = bl;
    if (chunked) {
      char *q = b;
      char *end = c->buf + c->len;
      char *w = NULL;
      int done = 0;
      blen = 0;
      (void)w;
      while (q < end) {
        char *nl = memmem(q, end - q, "\r\n", 2);
        if (!nl) break;
        size_t cs = strtoul(q, 0, 16);
        q = nl + 2;
        if (q + cs + 2 > end) break;
        q += cs + 2;
        if (cs == 0) {
          done = 1;
          break;
        }
        blen += cs;
      }
      if (!done) {
        if (ex && c->len == hl) {
          if (put(c, "HTTP/1.1 100 Continue\r\n\r\n", 25) < 0) return -1;
        }
        return 0;
      }
      tot = q - c->buf;
      blen = q - b;
    } else {
      if (c->len < hl + bl) {
        if (ex && c->len == hl) {
          if (put(c, "HTTP/1.1 100 Continue\r\n\r\n", 25) < 0) return -1;
        }
        return 0;
      }
      tot = hl + bl;
    }
    nreq++;
    int r = 0;
    if (!ka) c->close_after = 1;
    if (c->buf[0] == 'G') {
      r = json(c, MODELS);
    } else {
      int n = 100;
      int64_t d = 0, w = 0;
      char *m = memmem(b, blen, "mock-n", 6);
      if (m) {
        n = strtol(m + 6, &m, 10);
        if (m[0] == '-' && m[1] == 'd') d = strtol(m + 2, &m, 10) * 1000LL;
        if (m[0] == '-' && m[1] == 'w') w = strtol(m + 2, &m, 10) * 1000LL;
      }
      int st = memmem(b, blen, "\"stream\":true", 13) || memmem(b, blen, "\"stream\": true", 14);
      if (st) {
        const char *H = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nCache-Control: "
                        "no-cache\r\nTransfer-Encoding: chunked\r\n\r\n";
        r = put(c, H, strlen(H));
        c->streaming = 1;
        c->left = n;
        c->delay = d;
        c->due = now() + (w ? w : d);
        if (r == 0) {
          if (d == 0 && w == 0) r = step(c);
          else
            link_(c);
        }
      } else if (w) {
        c->wait_reply = 1;
        c->due = now() + w;
        link_(c);
      } else
        r = json(c, BODY);
    }
    if (r < 0) return -1;
    memmove(c->buf, c->buf + tot, c->len - tot);
    c->len -= tot;
    if (c->close_after && !c->streaming && !c->wait_reply) return -1;
    if (!c->len) return 0;
  }
}
static void acc(int l) {
  for (;;) {
    int fd = accept4(l, 0, 0, SOCK_NONBLOCK);
    if (fd < 0) return;
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    conn *c = calloc(1, sizeof *c);
    c->fd = fd;
    c->cap = 16384;
    c->buf = malloc(c->cap + 1);
    struct epoll_event e = {EPOLLIN, {.ptr = c}};
    epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);
  }
}
int main(int a, char **v) {
  signal(SIGPIPE, SIG_IGN);
  int port = a > 1 ? atoi(v[1]) : 9100;
  ep = epoll_create1(0);
  int one = 1;
  int l = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  setsockopt(l, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  struct sockaddr_in s = {.sin_family = AF_INET, .sin_port = htons(port)};
  inet_pton(AF_INET, "127.0.0.1", &s.sin_addr);
  if (bind(l, (void *)&s, sizeof s)) {
    perror("bind");
    return 1;
  }
  listen(l, 4096);
  static int lt, lu;
  lt = l;
  struct epoll_event e = {EPOLLIN, {.ptr = &lt}};
  epoll_ctl(ep, EPOLL_CTL_ADD, l, &e);
  lu = -1;
  if (a > 2) {
    lu = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct sockaddr_un u = {.sun_family = AF_UNIX};
    strncpy(u.sun_path, v[2], sizeof u.sun_path - 1);
    unlink(v[2]);
    if (bind(lu, (void *)&u, sizeof u)) {
      perror("bindu");
      return 1;
    }
    listen(lu, 4096);
    struct epoll_event e2 = {EPOLLIN, {.ptr = &lu}};
    epoll_ctl(ep, EPOLL_CTL_ADD, lu, &e2);
  }
  tfd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
  struct epoll_event e3 = {EPOLLIN, {.ptr = &tfd}};
  epoll_ctl(ep, EPOLL_CTL_ADD, tfd, &e3);
  struct epoll_event ev[256];
  for (;;) { // arm timer
    int64_t mn = 0;
    for (conn *c = head.next; c; c = c->next)
      if (!mn || c->due < mn) mn = c->due;
    struct itimerspec it = {0};
    if (mn) {
      it.it_value.tv_sec = mn / 1000000000;
      it.it_value.tv_nsec = mn % 1000000000;
    }
    timerfd_settime(tfd, TFD_TIMER_ABSTIME, &it, 0);
    int n = epoll_wait(ep, ev, 256, -1);
    for (int i = 0; i < n; i++) {
      void *p = ev[i].data.ptr;
      if (p == &lt) {
        acc(lt);
        continue;
      }
      if (p == &lu) {
        acc(lu);
        continue;
      }
      if (p == &tfd) {
        uint64_t x;
        if (read(tfd, &x, 8)) {
        }
        continue;
      }
      conn *c = p;
      int bad = 0;
      if (ev[i].events & EPOLLOUT) bad = flush_(c) < 0;
      if (!bad && (ev[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))) {
        for (;;) {
          if (c->len == c->cap) {
            c->cap *= 2;
            c->buf = realloc(c->buf, c->cap + 1);
          }
          ssize_t r = recv(c->fd, c->buf + c->len, c->cap - c->len, 0);
          if (r > 0) {
            c->len += r;
            if ((size_t)r < c->cap - c->len + r) break;
            continue;
          }
          if (r == 0 || errno != EAGAIN) bad = 1;
          break;
        }
        if (!bad) bad = handle(c) < 0;
      }
      if (bad) cl(c);
    }
    int64_t t = now();
    for (conn *c = head.next, *nx; c; c = nx) {
      nx = c->next;
      if (c->due <= t) {
        if (step(c) < 0) {
          cl(c);
          continue;
        }
        if (!c->streaming && !c->wait_reply && c->len) {
          if (handle(c) < 0) cl(c);
        }
      }
    }
  }
}

// Load driver: HTTP/1.1 keep-alive, single-threaded epoll, closed loop or fixed-rate (open loop, latency counted from
// the scheduled start).
//   cc -O2 -w -o load_driver load_driver.c
//   ./drv -p 9100 [-u unix.sock] [-A bearer-token] -P /v1/chat/completions -c 16 [-r rate] -n total|-d seconds -b
//   body.json [-H 'Header: v']...
// Prints one JSON line. Latencies in microseconds. For SSE it also reports TTFT and per-chunk relay latency (mock
// stamps T<ns>).
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
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
typedef struct {
  float *v;
  size_t n, cap;
} vec;
static void add(vec *a, double x) {
  if (a->n == a->cap) {
    a->cap = a->cap ? a->cap * 2 : 65536;
    a->v = realloc(a->v, a->cap * 4);
  }
  a->v[a->n++] = x;
}
static int cmp(const void *a, const void *b) {
  float x = *(float *)a, y = *(float *)b;
  return x < y ? -1 : x > y;
}
static double pc(vec *a, double p) {
  if (!a->n) return -1;
  size_t i = (size_t)(p * (a->n - 1) + 0.5);
  return a->v[i];
}
typedef struct {
  int fd;
  char *buf;
  size_t len, cap;
  int busy;
  int64_t t0;
  int hdr;
  long clen;
  int chunked;
  size_t pos;
  int status;
  int first;
  long body;
  int sawdone;
  long ndata;
  size_t wo;
  int connecting;
  char tail[64];
  int tl;
} C;
static int64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}
static char *req;
static size_t reql;
static int port = 9100;
static char *ux;
static int ep;
static vec lat, ttft, relay;
static long nerr, nok, nchunks, reconn;
static long st_bad;
static char sample[300];
static int dial(C *c) {
  if (ux) {
    c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct sockaddr_un u = {.sun_family = AF_UNIX};
    strncpy(u.sun_path, ux, sizeof u.sun_path - 1);
    if (connect(c->fd, (void *)&u, sizeof u) && errno != EINPROGRESS) return -1;
  } else {
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    int one = 1;
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct sockaddr_in s = {.sin_family = AF_INET, .sin_port = htons(port)};
    inet_pton(AF_INET, "127.0.0.1", &s.sin_addr);
    if (connect(c->fd, (void *)&s, sizeof s) && errno != EINPROGRESS) return -1;
  }
  struct epoll_event e = {EPOLLIN | EPOLLOUT | EPOLLET, {.ptr = c}};
  epoll_ctl(ep, EPOLL_CTL_ADD, c->fd, &e);
  c->len = 0;
  return 0;
}
static void pump(C *c) {
  while (c->wo < reql) {
    ssize_t n = send(c->fd, req + c->wo, reql - c->wo, MSG_NOSIGNAL);
    if (n < 0) return;
    c->wo += n;
  }
}
static void start(C *c, int64_t t0) {
  c->busy = 1;
  c->t0 = t0;
  c->hdr = 0;
  c->clen = -1;
  c->chunked = 0;
  c->pos = 0;
  c->status = 0;
  c->first = 0;
  c->body = 0;
  c->ndata = 0;
  c->sawdone = 0;
  c->len = 0;
  c->wo = 0;
  c->tl = 0;
  pump(c);
}
static void scan1(C *c, char *p, size_t n, int64_t t) {
  char *e = p + n;
  char *q = p;
  while ((q = memmem(q, e - q, " T", 2))) {
    char *z;
    long long v = strtoll(q + 2, &z, 10);
    if (z > q + 12 && *z == ' ') {
      add(&relay, (t - v) / 1000.0);
      c->ndata++;
    }
    q += 2;
  }
  if (memmem(p, n, "[DONE]", 6)) c->sawdone = 1;
}
// re-chunking proxies may split a token: keep the unscanned tail (from the last " T" or last 40 bytes) for the next
// piece
static char *sb;
static size_t sbc;
static void scan(C *c, char *p, size_t n, int64_t t) {
  size_t m = n + c->tl;
  if (m + 1 > sbc) {
    sbc = m * 2 + 4096;
    sb = realloc(sb, sbc);
  }
  memcpy(sb, c->tail, c->tl);
  memcpy(sb + c->tl, p, n);
  sb[m] = 0;
  size_t cut = m > 40 ? m - 40 : 0; /* scan tokens that start before cut+? : scan all complete tokens, carry the rest */
  char *q = sb, *e = sb + m, *lastdone = sb;
  while ((q = memmem(q, e - q, " T", 2))) {
    char *z = q + 2;
    while (z < e && *z >= '0' && *z <= '9') z++;
    if (z == e) break;
    if (z - q > 12 && *z == ' ') {
      long long v = strtoll(q + 2, NULL, 10);
      add(&relay, (t - v) / 1000.0);
      c->ndata++;
      lastdone = z;
    }
    q += 2;
  }
  if (memmem(sb, m, "[DONE]", 6)) c->sawdone = 1;
  size_t from = cut;
  if ((size_t)(lastdone - sb) > from) from = lastdone - sb;
  c->tl = m - from;
  memcpy(c->tail, sb + from, c->tl);
}
// returns 1 when response complete
static int parse(C *c, int64_t t) {
  if (!c->hdr) {
    char *e = memmem(c->buf, c->len, "\r\n\r\n", 4);
    if (!e) return 0;
    c->hdr = e - c->buf + 4;
    c->buf[c->len] = 0;
    c->status = atoi(c->buf + 9);
    *e = 0;
    char *p;
    if ((p = strcasestr(c->buf, "\r\ncontent-length:"))) c->clen = atol(p + 17);
    if (strcasestr(c->buf, "\r\ntransfer-encoding: chunked")) c->chunked = 1;
    *e = '\r';
    c->pos = c->hdr;
  }
  if (c->len > c->hdr && !c->first) {
    c->first = 1;
    add(&ttft, (t - c->t0) / 1000.0);
  }
  if (c->chunked) {
    for (;;) {
      char *q = c->buf + c->pos;
      char *nl = memmem(q, c->len - c->pos, "\r\n", 2);
      if (!nl) return 0;
      size_t cs = strtoul(q, 0, 16);
      size_t tot = (nl - q) + 2 + cs + 2;
      if (c->pos + tot > c->len) return 0;
      if (cs == 0) return 1;
      scan(c, nl + 2, cs, t);
      c->body += cs;
      c->pos += tot;
      if (c->pos > 65536) {
        memmove(c->buf + c->hdr, c->buf + c->pos, c->len - c->pos);
        c->len -= c->pos - c->hdr;
        c->pos = c->hdr;
      }
    }
  }
  if (c->clen >= 0) {
    if ((long)(c->len - c->hdr) >= c->clen) {
      scan(c, c->buf + c->hdr, c->clen, t);
      c->body = c->clen;
      return 1;
    }
    return 0;
  }
  return 0;
}
int main(int a, char **v) {
  signal(SIGPIPE, SIG_IGN);
  int o, conns = 16;
  long total = 0;
  double dur = 0, rate = 0;
  char *path = "/v1/chat/completions", *bf = NULL, *token = "none";
  char hdrs[4096] = "";
  double warm = 0;
  long want = -1;
  while ((o = getopt(a, v, "p:u:P:c:n:d:r:b:H:w:k:A:")) > 0) switch (o) {
    case 'p':
      port = atoi(optarg);
      break;
    case 'u':
      ux = optarg;
      break;
    case 'P':
      path = optarg;
      break;
    case 'c':
      conns = atoi(optarg);
      break;
    case 'n':
      total = atol(optarg);
      break;
    case 'd':
      dur = atof(optarg);
      break;
    case 'r':
      rate = atof(optarg);
      break;
    case 'b':
      bf = optarg;
      break;
    case 'H':
      strcat(hdrs, optarg);
      strcat(hdrs, "\r\n");
      break;
    case 'w':
      warm = atof(optarg);
      break;
    case 'k':
      want = atol(optarg);
      break;
    case 'A':
      token = optarg;
      break;
    }
  if (!total && !dur) dur = 3;
  if (dur > 60) dur = 60;
  char body[1 << 20];
  size_t bl = 0;
  if (bf) {
    FILE *f = fopen(bf, "r");
    bl = fread(body, 1, sizeof body, f);
    fclose(f);
  }
  req = malloc(bl + 8192);
  reql = sprintf(req,
                 "%s %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAuthorization: Bearer %s\r\nContent-Type: "
                 "application/json\r\nAccept: */*\r\nUser-Agent: drv\r\n%sContent-Length: %zu\r\n\r\n",
                 bf ? "POST" : "GET", path, port, token, hdrs, bl);
  memcpy(req + reql, body, bl);
  reql += bl;
  ep = epoll_create1(0);
  C *cs = calloc(conns, sizeof(C));
  for (int i = 0; i < conns; i++) {
    cs[i].cap = 262144;
    cs[i].buf = malloc(cs[i].cap + 1);
    if (dial(&cs[i])) {
      perror("dial");
      return 1;
    }
  }
  int64_t T0 = now(), end = dur ? T0 + (int64_t)(dur * 1e9) : INT64_MAX, hard = T0 + 90LL * 1000000000;
  long started = 0;
  int64_t period = rate ? (int64_t)(1e9 / rate) : 0;
  int64_t next = T0;
  long inflight = 0;
  struct epoll_event ev[512];
  int stop = 0;
  (void)warm;
  long maxbacklog = 0;
  for (;;) {
    int64_t t = now();
    if (t > hard) break;
    if (t >= end || (total && started >= total)) stop = 1;
    if (stop && inflight == 0) break;
    if (stop && t > end + 10LL * 1000000000 && dur) break;
    if (!stop) {
      if (!period) {
        for (int i = 0; i < conns; i++)
          if (!cs[i].busy && (!total || started < total)) {
            started++;
            inflight++;
            start(&cs[i], now());
          }
      } else {
        int i = 0;
        while (next <= t && (!total || started < total)) {
          while (i < conns && cs[i].busy) i++;
          if (i == conns) {
            long b = (t - next) / period;
            if (b > maxbacklog) maxbacklog = b;
            break;
          }
          started++;
          inflight++;
          start(&cs[i], next);
          next += period;
        }
      }
    }
    int to = -1;
    if (period && !stop) {
      int64_t d = next - now();
      to = d <= 0 ? 0 : 0;
      if (d > 0) {
        struct timespec ts = {0, d > 500000 ? 500000 : d};
        int n = epoll_pwait2(ep, ev, 512, &ts, NULL);
        if (n < 0 && errno == EINTR) continue;
        for (int k = 0; k < n; k++)
        goto_ev:;
          to = n;
      } else {
        to = epoll_wait(ep, ev, 512, 0);
      }
    } else
      to = epoll_wait(ep, ev, 512, 100);
    int n = to;
    for (int k = 0; k < n; k++) {
      C *c = ev[k].data.ptr;
      if (c->busy && c->wo < reql && (ev[k].events & EPOLLOUT)) pump(c);
      if (!(ev[k].events & (EPOLLIN | EPOLLHUP | EPOLLERR | EPOLLRDHUP))) continue;
      for (;;) {
        if (c->len == c->cap) {
          c->cap *= 2;
          c->buf = realloc(c->buf, c->cap + 1);
        }
        ssize_t r = recv(c->fd, c->buf + c->len, c->cap - c->len, 0);
        if (r > 0) {
          if (!c->busy) continue;
          c->len += r;
          int64_t tt = now();
          if (parse(c, tt)) {
            add(&lat, (tt - c->t0) / 1000.0);
            inflight--;
            c->busy = 0;
            if (c->status < 200 || c->status > 299 || (want >= 0 && c->ndata != want) || (want >= 0 && !c->sawdone)) {
              nerr++;
              if (c->status > 299) st_bad++;
              if (!sample[0]) {
                int L = c->len < 280 ? c->len : 280;
                memcpy(sample, c->buf, L);
                for (int z = 0; z < L; z++)
                  if (sample[z] < 32 || sample[z] == '"' || sample[z] == '\\' || sample[z] > 126) sample[z] = '~';
              }
            } else
              nok++;
            nchunks += c->ndata;
            c->len = 0;
            if (!stop && !period && (!total || started < total) && now() < end) {
              started++;
              inflight++;
              start(c, now());
            }
          }
          continue;
        }
        if (r < 0 && errno == EAGAIN) break; // closed
        if (c->busy) {
          nerr++;
          inflight--;
          c->busy = 0;
          if (!sample[0]) strcpy(sample, "closed");
        }
        close(c->fd);
        reconn++;
        if (reconn > 100000) {
          stop = 1;
        }
        dial(c);
        break;
      }
    }
  }
  double el = (now() - T0) / 1e9;
  for (vec **p = (vec *[]){&lat, &ttft, &relay, NULL}; *p; p++) qsort((*p)->v, (*p)->n, 4, cmp);
  double m = 0;
  for (size_t i = 0; i < lat.n; i++) m += lat.v[i];
  struct rusage ru;
  getrusage(RUSAGE_SELF, &ru);
  double cpu = ru.ru_utime.tv_sec + ru.ru_stime.tv_sec + (ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) / 1e6;
  printf(
      "{\"ok\":%ld,\"err\":%ld,\"unfinished\":%ld,\"reconn\":%ld,\"secs\":%.3f,\"rps\":%.1f,\"mean\":%.0f,\"p50\":%.0f,"
      "\"p95\":%.0f,\"p99\":%.0f,\"max\":%.0f,\"ttft50\":%.0f,\"ttft95\":%.0f,\"ttft99\":%.0f,\"chunks\":%ld,\"cps\":%."
      "0f,\"rel50\":%.0f,\"rel95\":%.0f,\"rel99\":%.0f,\"drv_cpu\":%.3f,\"backlog\":%ld,\"sample\":\"%s\"}\n",
      nok, nerr, inflight, reconn, el, nok / el, lat.n ? m / lat.n : -1, pc(&lat, .5), pc(&lat, .95), pc(&lat, .99),
      pc(&lat, 1), pc(&ttft, .5), pc(&ttft, .95), pc(&ttft, .99), nchunks, nchunks / el, pc(&relay, .5),
      pc(&relay, .95), pc(&relay, .99), cpu, maxbacklog, sample);
  return 0;
}

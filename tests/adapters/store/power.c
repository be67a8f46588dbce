/* Notes what a process does to files below $TRACED, in order, in $TRACE: what a disk would have to bring to an end before a power cut.
 *
 * A record: operation (1 byte), path (length, bytes), offset, data (length, bytes); numbers are 8 bytes, little-endian.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static int trace_fd = -1;

static void put(const void *data, size_t size) {
    if (REAL(write)(trace_fd, data, size) != (ssize_t)size) abort();
}

static void note(char operation, const char *path, uint64_t offset, const void *data, uint64_t size) {
    const char *below = getenv("TRACED"), *trace = getenv("TRACE");
    if (!below || !trace || strncmp(path, below, strlen(below))) return;
    pthread_mutex_lock(&turn);
    if (trace_fd < 0) trace_fd = REAL(open)(trace, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    uint64_t length = strlen(path);
    put(&operation, 1); put(&length, 8); put(path, length); put(&offset, 8); put(&size, 8);
    if (size) put(data, size);
    pthread_mutex_unlock(&turn);
}

static const char *path_of(int fd, char *path) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, path, PATH_MAX - 1);
    path[size < 0 ? 0 : size] = 0;
    return path;
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset) {
    char path[PATH_MAX];
    ssize_t done = REAL(pwrite64)(fd, data, size, offset);
    if (done > 0) note('w', path_of(fd, path), offset, data, done);
    return done;
}
ssize_t pwrite(int fd, const void *data, size_t size, off_t offset) { return pwrite64(fd, data, size, offset); }

ssize_t write(int fd, const void *data, size_t size) {
    char path[PATH_MAX];
    if (fd == trace_fd) return REAL(write)(fd, data, size);
    off64_t offset = lseek64(fd, 0, SEEK_CUR);
    ssize_t done = REAL(write)(fd, data, size);
    if (done > 0 && offset >= 0) note('w', path_of(fd, path), offset, data, done);
    return done;
}

int ftruncate64(int fd, off64_t size) {
    char path[PATH_MAX];
    int done = REAL(ftruncate64)(fd, size);
    if (!done) note('t', path_of(fd, path), size, 0, 0);
    return done;
}
int ftruncate(int fd, off_t size) { return ftruncate64(fd, size); }

int fsync(int fd) { char path[PATH_MAX]; int done = REAL(fsync)(fd); if (!done) note('s', path_of(fd, path), 0, 0, 0); return done; }
int fdatasync(int fd) { char path[PATH_MAX]; int done = REAL(fdatasync)(fd); if (!done) note('s', path_of(fd, path), 0, 0, 0); return done; }

int unlink(const char *path) { int done = REAL(unlink)(path); if (!done) note('u', path, 0, 0, 0); return done; }
int rename(const char *old, const char *new) {
    int done = REAL(rename)(old, new);
    if (!done) note('r', old, 0, new, strlen(new));
    return done;
}

static int opened(int fd, int flags) {
    char path[PATH_MAX];
    if (fd >= 0 && (flags & O_TRUNC)) note('t', path_of(fd, path), 0, 0, 0);
    else if (fd >= 0 && (flags & O_CREAT)) note('c', path_of(fd, path), 0, 0, 0);
    return fd;
}
#define MODE int mode = 0; if (flags & O_CREAT) { va_list more; va_start(more, flags); mode = va_arg(more, int); va_end(more); }
int open(const char *path, int flags, ...) { MODE return opened(REAL(open)(path, flags, mode), flags); }
int open64(const char *path, int flags, ...) { MODE return opened(REAL(open64)(path, flags, mode), flags); }
int openat(int at, const char *path, int flags, ...) { MODE return opened(REAL(openat)(at, path, flags, mode), flags); }
int openat64(int at, const char *path, int flags, ...) { MODE return opened(REAL(openat64)(at, path, flags, mode), flags); }

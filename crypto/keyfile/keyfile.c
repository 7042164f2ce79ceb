#include "crypto/keyfile/keyfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/keyfile/format.h"

enum { PATH_SIZE_MAX = 4096, REASON_SIZE = 128 };

const char *crypto_keyfile_kind_name(unsigned kind)
{
    static const char *const names[] = {"unknown", "consensus", "network", "vrf",
                                        "account", "worker",    "tunnel"};
    return kind < sizeof names / sizeof names[0] ? names[kind] : names[0];
}

static bool refuse(const struct crypto_keyfile *file, const char *why, struct error *error)
{
    return error_set(error, EXIT_CODE_BAD_KEY, "%s key file %s: %s",
                     crypto_keyfile_kind_name(file->kind), file->path, why);
}

/* number: errno of the call that failed. */
static bool fail(const struct crypto_keyfile *file, enum exit_code code, const char *what,
                 int number, struct error *error)
{
    char reason[REASON_SIZE];
    if (strerror_r(number, reason, sizeof reason) != 0) {
        (void)snprintf(reason, sizeof reason, "error %d", number);
    }
    return error_set(error, code, "%s key file %s: %s: %s", crypto_keyfile_kind_name(file->kind),
                     file->path, what, reason);
}

static bool write_failed(const struct crypto_keyfile *file, int number, struct error *error)
{
    const enum exit_code code = number == ENOSPC ? EXIT_CODE_DISK_FULL : EXIT_CODE_STORAGE;
    return fail(file, code, "cannot write it; check the disk and try again", number, error);
}

/* A new name is durable only when its directory is. */
static bool sync_directory(const char *path)
{
    char directory[PATH_SIZE_MAX];
    const char *const slash = strrchr(path, '/');
    const size_t size = slash == NULL ? 0 : (size_t)(slash - path) + 1;
    ASSERT(size < sizeof directory);
    memcpy(directory, path, size);
    directory[size] = '\0';
    const int fd = open(size == 0 ? "." : directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    const bool ok = fsync(fd) == 0;
    const int number = errno;
    (void)close(fd); /* nothing was written through it */
    errno = number;
    return ok;
}

static bool write_all(int fd, const uint8_t *data, size_t size)
{
    size_t done = 0;
    while (done < size) {
        const ssize_t count = write(fd, data + done, size - done);
        if (count < 0 && errno != EINTR) {
            return false;
        }
        done += count > 0 ? (size_t)count : 0;
    }
    return fchmod(fd, S_IRUSR | S_IWUSR) == 0 && fsync(fd) == 0;
}

static bool write_file(const struct crypto_keyfile *file, const uint8_t *data, size_t size,
                       struct error *error)
{
    const int fd = open(file->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (fd < 0 && errno == EEXIST) {
        return refuse(file, "it exists already: choose another path, or move the old key away",
                      error);
    }
    if (fd < 0) {
        return fail(file, EXIT_CODE_STORAGE, "cannot create it; check the directory", errno, error);
    }
    bool ok = write_all(fd, data, size);
    int number = errno;
    if (close(fd) != 0 && ok) {
        ok = false;
        number = errno;
    }
    if (ok && !sync_directory(file->path)) {
        ok = false;
        number = errno;
    }
    if (!ok) {
        (void)unlink(file->path); /* half a key must not stand in the way of a whole one */
        return write_failed(file, number, error);
    }
    return true;
}

bool crypto_keyfile_write(const struct crypto_keyfile *file,
                          const uint8_t secret[CRYPTO_SECRET_SIZE], struct error *error)
{
    if (strlen(file->path) >= PATH_SIZE_MAX) {
        return refuse(file, "its path is too long: choose a shorter one", error);
    }
    uint8_t data[KEYFILE_SIZE_MAX];
    size_t size = 0;
    const char *const trouble = keyfile_format(file, secret, data, &size);
    const bool ok =
        trouble == NULL ? write_file(file, data, size, error) : refuse(file, trouble, error);
    crypto_wipe(data, sizeof data);
    return ok;
}

/* Reads at most size bytes; -1 with errno on failure. */
static ssize_t read_all(int fd, uint8_t *data, size_t size)
{
    size_t done = 0;
    while (done < size) {
        const ssize_t count = read(fd, data + done, size - done);
        if (count < 0 && errno != EINTR) {
            return -1;
        }
        if (count == 0) {
            break;
        }
        done += count > 0 ? (size_t)count : 0;
    }
    return (ssize_t)done;
}

static bool read_open(const struct crypto_keyfile *file, int fd, uint8_t secret[CRYPTO_SECRET_SIZE],
                      struct error *error)
{
    struct stat status;
    if (fstat(fd, &status) != 0) {
        return fail(file, EXIT_CODE_BAD_KEY, "cannot inspect it", errno, error);
    }
    if (!S_ISREG(status.st_mode)) {
        return refuse(file, "it is not a regular file: give the path of a key file", error);
    }
    if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        return refuse(file, "group or others have access to it: run chmod 600 on it", error);
    }
    uint8_t data[KEYFILE_SIZE_MAX + 1]; /* one more, to see that a file is too long */
    const ssize_t size = read_all(fd, data, sizeof data);
    const int number = errno;
    bool ok = false;
    if (size < 0) {
        ok = fail(file, EXIT_CODE_BAD_KEY, "cannot read it; check the disk", number, error);
    } else {
        const char *const trouble = keyfile_parse(file, bytes_of(data, (size_t)size), secret);
        ok = trouble == NULL || refuse(file, trouble, error);
    }
    crypto_wipe(data, sizeof data);
    return ok;
}

bool crypto_keyfile_read(const struct crypto_keyfile *file, uint8_t secret[CRYPTO_SECRET_SIZE],
                         struct error *error)
{
    /* O_NONBLOCK: a FIFO in its place must not hold us up. */
    const int fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return fail(file, EXIT_CODE_BAD_KEY, "cannot open it; check path and owner", errno, error);
    }
    const bool ok = read_open(file, fd, secret, error);
    (void)close(fd); /* nothing was written through it */
    return ok;
}

bool crypto_keyfile_create(const struct crypto_keyfile *file, struct crypto_key **key,
                           struct error *error)
{
    ASSERT(file->kind != CRYPTO_KEYFILE_TUNNEL);
    struct crypto_key *const made = crypto_key_generate();
    if (made == NULL) {
        return refuse(file, "not enough memory to make a key", error);
    }
    uint8_t secret[CRYPTO_SECRET_SIZE];
    crypto_key_secret(made, secret);
    const bool ok = crypto_keyfile_write(file, secret, error);
    crypto_wipe(secret, sizeof secret);
    if (!ok) {
        crypto_key_free(made);
        return false;
    }
    *key = made;
    return true;
}

bool crypto_keyfile_load(const struct crypto_keyfile *file, struct crypto_key **key,
                         struct error *error)
{
    ASSERT(file->kind != CRYPTO_KEYFILE_TUNNEL);
    uint8_t secret[CRYPTO_SECRET_SIZE];
    if (!crypto_keyfile_read(file, secret, error)) {
        return false;
    }
    struct crypto_key *const loaded = crypto_key_create(secret);
    crypto_wipe(secret, sizeof secret);
    if (loaded == NULL) {
        return refuse(file, "its secret is no key of the curve, or memory is short", error);
    }
    *key = loaded;
    return true;
}

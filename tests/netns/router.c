#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* netns_router DIR COUNT: COUNT network namespaces and the only way between them.
 *
 * Each namespace has one TUN device with address 10.77.0.(1 + I); what is sent to another one
 * comes here as IP packets and goes on as the rules of the pair say.  DIR/ns-I names the
 * namespace for nsenter --net; nothing is mounted, so all of it ends with this process.
 * Commands, one a line, come in the FIFO DIR/control; A and B: an index or *, both directions.
 *
 *   delay A B MS   loss A B PERMILLE   cut A B   join A B   clear
 *
 * At SIGTERM one line says how many packets went which way. */

enum {
    COUNT_MAX = 32,
    PACKET_MAX = 2048,
    QUEUE_MAX = 4096, /* packets under way between two: a second at 6 MB/s */
    TURN_MAX = 64,    /* packets of one namespace in one turn */
};

struct packet {
    struct packet *next;
    uint64_t due_ms;
    size_t size;
    uint8_t bytes[];
};

struct pair {
    bool cut;
    uint32_t delay_ms, loss_permille;
    uint32_t count;
    struct packet *first, *last;
};

static struct router {
    uint32_t count;
    int tun[COUNT_MAX];
    struct pair pairs[COUNT_MAX][COUNT_MAX];
    uint64_t random;
    uint64_t forwarded, delayed, lost, cut, full;
} router = {.random = 88172645463325252U};

static volatile sig_atomic_t stop_asked;

static void on_stop(int number)
{
    (void)number;
    stop_asked = 1;
}

static void die(const char *what)
{
    (void)fprintf(stderr, "netns_router: %s: error %d; it needs root and /dev/net/tun\n", what,
                  errno);
    exit(1);
}

static uint64_t now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* xorshift64: the loss of a run depends on its packets alone */
static uint32_t draw(uint32_t below)
{
    router.random ^= router.random << 13;
    router.random ^= router.random >> 7;
    router.random ^= router.random << 17;
    return (uint32_t)(router.random >> 33) % below;
}

/* ---- namespaces ----------------------------------------------------------------------- */

static void interface_up(int control, const char *name)
{
    struct ifreq request = {.ifr_flags = 0};
    (void)snprintf(request.ifr_name, IFNAMSIZ, "%s", name);
    if (ioctl(control, SIOCGIFFLAGS, &request) != 0) {
        die(name);
    }
    request.ifr_flags = (short)(request.ifr_flags | IFF_UP);
    if (ioctl(control, SIOCSIFFLAGS, &request) != 0) {
        die(name);
    }
}

static void interface_set(int control, const char *name, unsigned long what, uint32_t address)
{
    struct ifreq request = {.ifr_flags = 0};
    const struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(address)};
    (void)snprintf(request.ifr_name, IFNAMSIZ, "%s", name);
    memcpy(&request.ifr_addr, &in, sizeof(in));
    if (ioctl(control, what, &request) != 0) {
        die("address");
    }
}

static void make_namespace(const char *dir, uint32_t index)
{
    char path[4096];
    struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};
    if (unshare(CLONE_NEWNET) != 0) {
        die("a network namespace");
    }
    const int handle = open("/proc/self/ns/net", O_RDONLY);
    const int control = socket(AF_INET, SOCK_DGRAM, 0);
    const int tun = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
    (void)snprintf(request.ifr_name, IFNAMSIZ, "veth0");
    if (handle < 0 || control < 0 || tun < 0 || ioctl(tun, TUNSETIFF, &request) != 0) {
        die("/dev/net/tun");
    }
    interface_up(control, "lo");
    interface_set(control, "veth0", SIOCSIFADDR, 0x0A4D0001 + index);
    interface_set(control, "veth0", SIOCSIFNETMASK, 0xFFFFFF00);
    interface_up(control, "veth0");
    (void)close(control);
    router.tun[index] = tun;
    (void)snprintf(path, sizeof(path), "%s/ns-%u", dir, index);
    FILE *out = fopen(path, "w");
    if (out == NULL || fprintf(out, "/proc/%ld/fd/%d\n", (long)getpid(), handle) < 0 ||
        fclose(out) != 0) {
        die(path);
    }
}

/* ---- packets -------------------------------------------------------------------------- */

static void deliver(uint32_t to, const uint8_t *bytes, size_t size)
{
    if (write(router.tun[to], bytes, size) == (ssize_t)size) {
        router.forwarded++;
    } else {
        router.full++; /* as a router whose port is busy */
    }
}

static void enqueue(struct pair *pair, const uint8_t *bytes, size_t size, uint64_t now)
{
    struct packet *packet = pair->count < QUEUE_MAX ? malloc(sizeof(*packet) + size) : NULL;
    if (packet == NULL) {
        router.full++;
        return;
    }
    *packet = (struct packet){.due_ms = now + pair->delay_ms, .size = size};
    memcpy(packet->bytes, bytes, size);
    if (pair->first == NULL) {
        pair->first = packet;
    } else {
        pair->last->next = packet;
    }
    pair->last = packet;
    pair->count++;
    router.delayed++;
}

/* What is due leaves, in order; *until is lowered to when the next one is. */
static void drain(uint32_t to, struct pair *pair, uint64_t now, uint64_t *until)
{
    while (pair->first != NULL && pair->first->due_ms <= now) {
        struct packet *packet = pair->first;
        pair->first = packet->next;
        pair->count--;
        if (pair->cut) {
            router.cut++;
        } else {
            deliver(to, packet->bytes, packet->size);
        }
        free(packet);
    }
    if (pair->first != NULL && pair->first->due_ms < *until) {
        *until = pair->first->due_ms;
    }
}

static void route(uint32_t from, const uint8_t *bytes, size_t size, uint64_t now)
{
    const bool ours = size >= 20 && bytes[0] >> 4 == 4 && bytes[16] == 10 && bytes[17] == 77;
    const uint32_t to = ours ? (uint32_t)bytes[19] - 1 : COUNT_MAX;
    if (to >= router.count) {
        return; /* multicast and the like */
    }
    struct pair *pair = &router.pairs[from][to];
    if (pair->cut) {
        router.cut++;
    } else if (pair->loss_permille > 0 && draw(1000) < pair->loss_permille) {
        router.lost++;
    } else if (pair->delay_ms > 0 || pair->first != NULL) {
        enqueue(pair, bytes, size, now);
    } else {
        deliver(to, bytes, size);
    }
}

static void take(uint32_t from, uint64_t now)
{
    uint8_t bytes[PACKET_MAX];
    for (uint32_t i = 0; i < TURN_MAX; i++) {
        const ssize_t size = read(router.tun[from], bytes, sizeof(bytes));
        if (size <= 0) {
            return;
        }
        route(from, bytes, (size_t)size, now);
    }
}

/* ---- commands ------------------------------------------------------------------------- */

static void set_pair(struct pair *pair, const char *verb, uint32_t value)
{
    if (strcmp(verb, "delay") == 0) {
        pair->delay_ms = value;
    } else if (strcmp(verb, "loss") == 0) {
        pair->loss_permille = value;
    } else if (strcmp(verb, "cut") == 0) {
        pair->cut = true;
    } else if (strcmp(verb, "join") == 0) {
        pair->cut = false;
    } else if (strcmp(verb, "clear") == 0) {
        pair->cut = false;
        pair->delay_ms = 0;
        pair->loss_permille = 0;
    } else {
        (void)fprintf(stderr, "netns_router: %s: no such command\n", verb);
    }
}

static bool names(const char *word, uint32_t index)
{
    return strcmp(word, "*") == 0 || strtoul(word, NULL, 10) == index;
}

static void obey(const char *line)
{
    char verb[16] = "";
    char a[16] = "*";
    char b[16] = "*";
    char number[16] = "0";
    (void)sscanf(line, "%15s %15s %15s %15s", verb, a, b, number);
    const uint32_t value = (uint32_t)strtoul(number, NULL, 10);
    for (uint32_t k = 0; k < router.count * router.count; k++) {
        const uint32_t i = k / router.count;
        const uint32_t j = k % router.count;
        if ((names(a, i) && names(b, j)) || (names(a, j) && names(b, i))) {
            set_pair(&router.pairs[i][j], verb, value);
        }
    }
    (void)printf("%s", line);
    (void)fflush(stdout);
}

static void loop(FILE *control)
{
    struct pollfd fds[COUNT_MAX + 1] = {{.fd = fileno(control), .events = POLLIN}};
    uint64_t until = UINT64_MAX;
    char line[128];
    for (uint32_t i = 0; i < router.count; i++) {
        fds[i + 1] = (struct pollfd){.fd = router.tun[i], .events = POLLIN};
    }
    while (stop_asked == 0) {
        const uint64_t before = now_ms();
        const uint64_t wait = until <= before ? 0 : until - before;
        (void)poll(fds, router.count + 1, wait < 1000 ? (int)wait : 1000);
        const uint64_t now = now_ms();
        for (uint32_t i = 0; i < router.count; i++) {
            take(i, now);
        }
        until = UINT64_MAX;
        for (uint32_t i = 0; i < router.count * router.count; i++) {
            const uint32_t to = i % router.count;
            drain(to, &router.pairs[i / router.count][to], now, &until);
        }
        while (fgets(line, sizeof(line), control) != NULL) {
            obey(line);
        }
        clearerr(control);
    }
}

int main(int argc, char **argv)
{
    char path[4096];
    const unsigned long count = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;
    if (count < 2 || count > COUNT_MAX) {
        (void)fprintf(stderr, "usage: netns_router DIR COUNT; COUNT: 2 to %d\n", COUNT_MAX);
        return 2;
    }
    router.count = (uint32_t)count;
    (void)signal(SIGTERM, on_stop);
    (void)signal(SIGINT, on_stop);
    for (uint32_t i = 0; i < router.count; i++) {
        make_namespace(argv[1], i);
    }
    (void)snprintf(path, sizeof(path), "%s/control", argv[1]);
    if (mkfifo(path, 0600) != 0) {
        die(path);
    }
    const int fifo = open(path, O_RDWR | O_NONBLOCK); /* for writing too: it never ends */
    FILE *control = fifo < 0 ? NULL : fdopen(fifo, "r");
    if (control == NULL) {
        die(path);
    }
    (void)printf("ready\n");
    (void)fflush(stdout);
    loop(control);
    (void)printf("packets: %llu forwarded, %llu delayed, %llu lost, %llu cut, %llu overflowed\n",
                 (unsigned long long)router.forwarded, (unsigned long long)router.delayed,
                 (unsigned long long)router.lost, (unsigned long long)router.cut,
                 (unsigned long long)router.full);
    return 0;
}

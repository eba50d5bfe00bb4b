/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench_path.c - runs a command in a new network namespace whose only way out is a path of this
 * program: routers 198.18.100.1, .2, ... that answer what expires at them, and behind them a server
 * at every other address. Whatever answers does so one round trip after the packet left: all hops
 * are as far away as the last. Afterwards prints one line:
 *
 *   seconds cpu_seconds peak_bytes packets status
 *
 * of the command: wall clock, user and system time, resident memory at its peak, packets it sent,
 * exit status.
 *
 *   bench_path [-h HOPS] [-r RTT_MS] [-s TTL,TTL-TTL,...] [-d] [-o FILE] COMMAND...
 *   bench_path -k [-r RTT_MS] [-o FILE] COMMAND...
 *
 * -s names silent routers, -d makes the server silent, -o keeps the command's output. With -k the
 * path is none of ours: packets are handed, a round trip late, to the namespace the program was
 * started in, which has to route 198.18.0.0/24 back.
 */
#include "probe/io/netlink.h"
#include "probe/io/netns.h"
#include "probe/wire/icmp.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	WAITING_MAX = 1 << 14, /* answers under way */
	ANSWER_BYTES = 512,
	LOOPBACK_INDEX = 1,
	QUEUE_PACKETS = 20000,
	SYN_ACK_WINDOW = 65160,
	HOPS_MAX = 250,
	ICMP_PORT = 3, /* code of an unreachable */
};

struct path {
	unsigned int hops;
	nsec_t round_trip;
	bool silent[HOPS_MAX + 2]; /* by TTL */
	bool silent_server, is_relay;
	const char *output;
	int tun, beyond; /* the command's device; with -k that of the real routers */
	/* What is under way, oldest first: all are under way for the same time. */
	struct packet *waiting[WAITING_MAX];
	size_t first, count;
	unsigned long packets;
};

static nsec_t clock_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (nsec_t)now.tv_sec * NSEC_PER_SEC + (nsec_t)now.tv_nsec;
}

static void fail(const struct err *err)
{
	fprintf(stderr, "bench_path: %s\n", err->text);
	exit(2);
}

/* ---- answers ---- */

static bool build_syn_ack(struct packet *out, const struct packet *about)
{
	struct tcp_header header = { .flags = TCP_SYN | TCP_ACK, .window = SYN_ACK_WINDOW };

	if (about->form != PACKET_TCP || (tcp_flags(about) & TCP_RST))
		return false;
	packet_socknames(about, &header.dst, &header.src);
	header.seq = 1;
	header.ack = tcp_seq(about) + tcp_seq_len(about);
	packet_init_tcp(out, &header);
	packet_finish(out);
	return true;
}

static bool build_answer(const struct path *path, struct packet *out, const struct packet *about)
{
	uint8_t ttl = packet_ttl(about);
	struct icmp_plan plan = { .kind = ICMP_TIME_EXCEEDED, .quote = ICMP_QUOTE_FULL };
	struct addr source;

	if (ttl <= path->hops) {
		plan.from = addr_v4(198, 18, 100, ttl);
		return !path->silent[ttl] && icmp_build(out, &plan, about);
	}
	if (path->silent_server)
		return false;
	if (about->form != PACKET_UDP)
		return build_syn_ack(out, about);
	plan.kind = ICMP_UNREACHABLE;
	plan.code = ICMP_PORT;
	packet_addrs(about, &source, &plan.from);
	return icmp_build(out, &plan, about);
}

/* ---- the loop ---- */

/* The packet just read, or the answer to it, begins its way; a ring that is full drops it. */
static void begin_way(struct path *path, const struct packet *packet, nsec_t now)
{
	struct packet *answer = path->waiting[(path->first + path->count) % WAITING_MAX];
	bool ok;

	if (path->count == WAITING_MAX)
		return;
	ok = path->is_relay ? packet_set(answer, packet_data(packet), packet->length)
			    : build_answer(path, answer, packet);
	if (!ok)
		return;
	answer->at = now + path->round_trip;
	path->count++;
}

/* What the command sent: probes are counted, the RST that closes a connection is not. */
static void read_command(struct path *path, struct packet *packet)
{
	ssize_t length;

	while ((length = read(path->tun, packet->buf, packet->capacity)) > 0) {
		packet->start = 0;
		packet->length = (uint32_t)length;
		packet_parse(packet);
		if (packet->form == PACKET_MALFORMED || packet->version != 4)
			continue;
		if (packet->form != PACKET_TCP || !(tcp_flags(packet) & TCP_RST))
			path->packets++;
		begin_way(path, packet, clock_now());
	}
}

/* Real routers have had their delay on the way there. */
static void read_beyond(struct path *path)
{
	uint8_t bytes[PACKET_SMALL];
	ssize_t length;

	while (path->is_relay && (length = read(path->beyond, bytes, sizeof(bytes))) > 0)
		if (write(path->tun, bytes, (size_t)length) < 0)
			return;
}

static void end_ways(struct path *path)
{
	nsec_t now = clock_now();

	while (path->count > 0 && path->waiting[path->first]->at <= now) {
		const struct packet *packet = path->waiting[path->first];

		path->first = (path->first + 1) % WAITING_MAX;
		path->count--;
		/* A device that refuses a packet loses it, as a wire would. */
		if (write(path->is_relay ? path->beyond : path->tun, packet_data(packet),
			    packet->length) < 0)
			continue;
	}
}

/* Be the path until the command ends, which child, a descriptor of it, tells. */
static void serve(struct path *path, int child)
{
	struct pollfd watch[] = {
		{ .fd = child, .events = POLLIN },
		{ .fd = path->tun, .events = POLLIN },
		{ .fd = path->beyond, .events = POLLIN },
	};
	struct packet *packet = packet_new(PACKET_LARGE);

	while (watch[0].revents == 0) {
		struct timespec left = { 0 };
		nsec_t now = clock_now(), due = now;

		if (path->count > 0 && path->waiting[path->first]->at > now)
			due = path->waiting[path->first]->at;
		left.tv_sec = (time_t)((due - now) / NSEC_PER_SEC);
		left.tv_nsec = (long)((due - now) % NSEC_PER_SEC);
		if (ppoll(watch, 3, path->count > 0 ? &left : NULL, NULL) < 0 && errno != EINTR)
			break;
		read_command(path, packet);
		read_beyond(path);
		end_ways(path);
	}
	packet_free(packet);
}

/* ---- the namespace ---- */

static int make_device(const char *name, const struct addr *addr, bool is_way_out)
{
	struct netlink netlink;
	struct err err;
	int index = 0, tun = netns_tun(name, &index, &err);
	bool ok;

	if (tun < 0 || !netlink_open(&netlink, NETLINK_ROUTE, &err))
		fail(&err);
	netlink_link_set(&netlink, index, QUEUE_PACKETS, 0);
	netlink_link_up(&netlink, LOOPBACK_INDEX);
	netlink_link_up(&netlink, index);
	netlink_address_add(&netlink, index, addr, 24);
	if (is_way_out)
		netlink_default_route_add(&netlink, index, 4, addr, RT_TABLE_MAIN);
	ok = netlink_commit(&netlink, &err);
	netlink_close(&netlink);
	if (!ok)
		fail(&err);
	return tun;
}

static void make_devices(struct path *path)
{
	struct addr command = addr_v4(198, 18, 0, 2), beyond = addr_v4(198, 18, 0, 1);
	struct err err;

	path->beyond = path->is_relay ? make_device("late", &beyond, false) : -1;
	if (!netns_new(&err))
		fail(&err);
	path->tun = make_device("path", &command, true);
	for (size_t i = 0; i < WAITING_MAX; i++)
		path->waiting[i] = packet_new(path->is_relay ? PACKET_SMALL : ANSWER_BYTES);
}

/* ---- the command ---- */

static void become(const struct path *path, char **command)
{
	int output = open(path->output, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (output < 0 || dup2(output, STDOUT_FILENO) < 0)
		_exit(126);
	execvp(command[0], command);
	_exit(127);
}

static double seconds(const struct timeval *time)
{
	return (double)time->tv_sec + (double)time->tv_usec / 1e6;
}

static int run(struct path *path, char **command)
{
	nsec_t start = clock_now();
	struct rusage usage;
	pid_t pid = fork();
	int status, child;

	if (pid == 0)
		become(path, command);
	child = (int)syscall(SYS_pidfd_open, pid, 0);
	if (pid < 0 || child < 0)
		return 2;
	serve(path, child);
	start = clock_now() - start;
	if (wait4(pid, &status, 0, &usage) != pid || !WIFEXITED(status))
		return 2;
	printf("%.6f %.6f %ld %lu %d\n", (double)start / 1e9,
		seconds(&usage.ru_utime) + seconds(&usage.ru_stime), usage.ru_maxrss * 1024,
		path->packets, WEXITSTATUS(status));
	return 0;
}

/* "3,7-9" */
static void be_silent(struct path *path, char *text)
{
	char *range;

	while ((range = strsep(&text, ",")) != NULL) {
		char *end;
		unsigned long first = strtoul(range, &end, 10), last = first;

		if (*end == '-')
			last = strtoul(end + 1, NULL, 10);
		for (; first <= last && first <= HOPS_MAX; first++)
			path->silent[first] = true;
	}
}

int main(int argc, char **argv)
{
	static struct path path = { .output = "/dev/null" };
	int got;

	while ((got = getopt(argc, argv, "+h:r:s:do:k")) != -1) {
		if (got == 'h')
			path.hops = (unsigned int)strtoul(optarg, NULL, 10);
		else if (got == 'r')
			path.round_trip = strtoul(optarg, NULL, 10) * NSEC_PER_MS;
		else if (got == 's')
			be_silent(&path, optarg);
		else if (got == 'd')
			path.silent_server = true;
		else if (got == 'o')
			path.output = optarg;
		else if (got == 'k')
			path.is_relay = true;
		else
			return 2;
	}
	if (optind == argc || path.hops > HOPS_MAX) {
		fprintf(stderr,
			"usage: bench_path [-h HOPS] [-r RTT_MS] [-s TTL,TTL-TTL,...] "
			"[-d] [-o FILE] [-k] COMMAND...\n");
		return 2;
	}
	prctl(PR_SET_TIMERSLACK, 1000);
	make_devices(&path);
	return run(&path, argv + optind);
}

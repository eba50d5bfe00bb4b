/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * command_analyze.c - mpprobe analyze: captures read packet by packet. What is to be printed waits
 * in files without a name until every capture has been read to its end, so that a capture that is
 * cut leaves nothing on standard output, and memory does not grow with what has been told.
 */
#include "probe/analyze/split.h"
#include "probe/base/alloc.h"
#include "probe/command_set.h"
#include "probe/io/host.h"
#include "probe/io/pcap_file.h"
#include "probe/io/progress.h"
#include "probe/report.h"

#include <uthash.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
	COPY_BYTES = 65536,
	LOOK_EVERY = 65536, /* packets between looks at the clock */
};

struct analyze_options {
	bool json;
};

static const struct option_row rows[] = {
	OPTION_FLAG_ROW(struct analyze_options, json, "json", "one object a file, mbkit.capture/1"),
	OPTION_END_ROW,
};

static const struct command_help help = {
	"mpprobe analyze [options] FILE.pcap...",
	"Rebuild every Multipath TCP connection of captures: its subflows and addresses,\n"
	"tokens, HMACs and checksums verified, what is mapped twice or not at all, what\n"
	"was sent again elsewhere, and which packet made it fall back to plain TCP, and\n"
	"why. A file named - is standard input.",
	"  mpprobe analyze capture.pcap\n"
	"  tcpdump -w - tcp | mpprobe analyze --json -\n",
};

struct peer {
	struct report_peer total;
	UT_hash_handle hh;
};

struct analysis {
	const struct report_format *format;
	FILE *all;         /* what will be printed */
	FILE *connections; /* of the capture that is being read */
	struct report_capture capture;
	struct peer *peers;
	struct progress progress;
};

/* ---- totals ---- */

static void peers_free(struct analysis *analysis)
{
	struct peer *peer, *next;

	HASH_ITER(hh, analysis->peers, peer, next)
	{
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
		HASH_DEL(analysis->peers, peer);
		free(peer);
	}
}

static void peer_count(struct analysis *analysis, const struct history *history)
{
	const struct sockname *server = report_server(history);
	struct sockname name;
	struct peer *peer;

	/* It is a key: padding must be equal, too. */
	memset(&name, 0, sizeof(name));
	name.addr = server->addr;
	name.port = server->port;
	HASH_FIND(hh, analysis->peers, &name, sizeof(name), peer);
	if (peer == NULL) {
		peer = xcalloc(1, sizeof(*peer));
		memcpy(&peer->total.name, &name, sizeof(name));
		HASH_ADD(hh, analysis->peers, total.name, sizeof(name), peer);
	}
	peer->total.connections++;
	peer->total.mptcp += history_is_mptcp(history->outcome);
	peer->total.fallback += history_is_fallback(history->outcome);
}

static int peer_compare(const void *a, const void *b)
{
	const struct report_peer *x = a, *y = b;
	int order;

	if (x->connections != y->connections)
		return x->connections > y->connections ? -1 : 1;
	order = memcmp(&x->name.addr, &y->name.addr, sizeof(x->name.addr));
	return order != 0 ? order : (x->name.port > y->name.port) - (x->name.port < y->name.port);
}

static struct report_peer *peers_sorted(const struct analysis *analysis)
{
	size_t count = HASH_COUNT(analysis->peers), i = 0;
	struct report_peer *list = xcalloc(count, sizeof(*list));
	struct peer *peer, *next;

	HASH_ITER(hh, analysis->peers, peer, next)
	{
		list[i++] = peer->total;
	}
	qsort(list, count, sizeof(*list), peer_compare);
	return list;
}

/* ---- one capture ---- */

static void tell_connections(void *self, const struct view *view, const uint64_t *packets)
{
	struct analysis *analysis = self;
	struct report_capture *capture = &analysis->capture;
	uint32_t i;

	for (i = 0; i < view->connection_count; i++) {
		struct history history;
		struct report_connection connection = { &history, packets, ++capture->connections,
			capture->colour };

		history_init(&history, view, i);
		capture->mptcp += history_is_mptcp(history.outcome);
		capture->fallback += history_is_fallback(history.outcome);
		peer_count(analysis, &history);
		analysis->format->connection(analysis->connections, &connection);
		history_fini(&history);
	}
}

static bool read_packets(struct analysis *analysis, struct pcap_file *file, struct err *err)
{
	struct split *split = split_new(0, tell_connections, analysis);
	struct packet *packet = packet_new(PACKET_LARGE);
	enum pcap_file_next next;

	while ((next = pcap_file_next(file, packet, err)) == PCAP_FILE_PACKET) {
		analysis->capture.packets = pcap_file_frames(file);
		split_add(split, packet, analysis->capture.packets);
		if (analysis->capture.packets % LOOK_EVERY == 0 &&
			progress_due(&analysis->progress))
			fprintf(stderr, "\r%s: %" PRIu64 " packets", analysis->capture.file,
				analysis->capture.packets);
	}
	progress_clear(&analysis->progress);
	analysis->capture.packets = pcap_file_frames(file);
	if (next == PCAP_FILE_END)
		split_finish(split);
	packet_free(packet);
	split_free(split);
	return next == PCAP_FILE_END;
}

static bool copy_all(FILE *from, FILE *to)
{
	char *bytes = xmalloc(COPY_BYTES);
	size_t got;

	rewind(from);
	while ((got = fread(bytes, 1, COPY_BYTES, from)) > 0)
		fwrite(bytes, 1, got, to);
	free(bytes);
	return !ferror(from);
}

static bool analyze_file(struct analysis *analysis, const char *name, struct err *err)
{
	struct report_capture *capture = &analysis->capture;
	struct pcap_file *file = pcap_file_open(name, err);
	bool colour = capture->colour, ok;

	if (file == NULL)
		return false;
	*capture = (struct report_capture){ .file = name, .colour = colour };
	analysis->connections = tmpfile();
	if (analysis->connections == NULL) {
		pcap_file_close(file);
		return err_set_errno(err, "cannot make a temporary file");
	}
	ok = read_packets(analysis, file, err);
	if (ok) {
		capture->peers = peers_sorted(analysis);
		capture->peer_count = HASH_COUNT(analysis->peers);
		analysis->format->begin(analysis->all, capture);
		ok = (fflush(analysis->connections) == 0 && !ferror(analysis->connections) &&
			     copy_all(analysis->connections, analysis->all)) ||
			err_set_errno(err, "cannot write a temporary file");
		analysis->format->end(analysis->all, capture);
		free(capture->peers);
	}
	peers_free(analysis);
	fclose(analysis->connections);
	pcap_file_close(file);
	return ok;
}

/* ---- the command ---- */

static bool analyze_files(struct analysis *analysis, char **names, int count, struct err *err)
{
	int i;

	for (i = 0; i < count; i++) {
		progress_begin(&analysis->progress);
		if (!analyze_file(analysis, names[i], err))
			return false;
		if (i + 1 < count && analysis->format == &capture_text)
			fputc('\n', analysis->all);
	}
	if (fflush(analysis->all) != 0 || ferror(analysis->all))
		return err_set_errno(err, "cannot write a temporary file");
	copy_all(analysis->all, stdout);
	return output_done(err);
}

int command_analyze(int argc, char **argv, struct err *err)
{
	struct analyze_options options = { 0 };
	struct analysis analysis = { .format = &capture_text };
	int first, status;

	if (!options_parse(argc, argv, rows, &help, &options, &first, &status, err))
		return status;
	if (first == argc) {
		err_set(err, "a capture is needed: %s", help.usage);
		return STATUS_WRONG;
	}
	if (options.json)
		analysis.format = &capture_json;
	analysis.capture.colour = host_shows_colour();
	analysis.all = tmpfile();
	if (analysis.all == NULL) {
		err_set_errno(err, "cannot make a temporary file");
		return STATUS_WRONG;
	}
	status = analyze_files(&analysis, argv + first, argc - first, err) ? STATUS_FINE
									   : STATUS_WRONG;
	fclose(analysis.all);
	return status;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * scenario.h - one scenario, expanded: paths with their elements, who sends what, and what must
 * come of it by the rules. Suites in Lua produce these (lua/bind_suite.c); runners (run.h) take
 * them. Plain data; all memory belongs to the suite that made it.
 */
#ifndef MBTEST_SUITE_SCENARIO_H
#define MBTEST_SUITE_SCENARIO_H

#include "mbtest/box.h"
#include "mbtest/judge/judge.h"
#include "mbtest/net/net.h"
#include "mbtest/suite/step.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	SCENARIO_ELEMENTS = 64, /* on one path */
	SCENARIO_ARGS = 16,     /* of one box */
	SCENARIO_RULES = 8,
	SCENARIO_FINDINGS = 16, /* of one trace */
};

struct profile;

enum element_kind {
	ELEMENT_LINK,
	ELEMENT_HOP,
	ELEMENT_BOX,
	ELEMENT_ECMP,
};

struct element {
	enum element_kind kind;
	struct link_plan link[DIRS]; /* ELEMENT_LINK */
	struct hop_plan hop;         /* ELEMENT_HOP */
	const char *box;             /* ELEMENT_BOX: name, ... */
	const struct box_type *type; /* ... C or Lua type, ... */
	const struct box_arg *args;  /* ... and arguments */
	unsigned int arg_count;
	struct ecmp_plan ecmp;            /* ELEMENT_ECMP ... */
	const struct path_plan *branches; /* ... and its branches, which have none themselves */
	unsigned int branch_count;
};

struct path_plan {
	const struct element *elements;
	unsigned int element_count;
};

/* Who sends the data. */
enum sender {
	SENDER_CLIENT,
	SENDER_SERVER,
	SENDER_BOTH,
};

/* What stands at the end of a path that is traced. */
enum path_server {
	PATH_SERVER_MPTCP, /* both versions */
	PATH_SERVER_TCP,
	PATH_SERVER_CLOSED,
	PATH_SERVER_SILENT,
};

/* One thing that the prober finds, in the words of mbkit.trace/1. */
struct trace_finding {
	char field[48];
	uint8_t change;        /* enum change_kind */
	uint8_t how;           /* enum change_how */
	uint8_t after, before; /* TTLs; after 0: the sender */
	bool is_exact;
	bool is_nat; /* told by what a NAT leaves in the quotes that it translates back */
};

/* What the prober is told by the destination. */
struct trace_destination {
	uint8_t ttl; /* 0: it does not answer */
	bool supports_mptcp, mirrors_mptcp;
};

/* What a trace came to. */
struct trace_survey {
	struct trace_finding findings[SCENARIO_FINDINGS];
	unsigned int count;
	struct trace_destination destination;
	nsec_t elapsed;
};

/* A path that the prober is sent along, and the truth about it: no more and no less is found. */
struct trace_plan {
	const char *probe; /* in the notation of packets */
	bool fixed_seq;    /* all probes have the same sequence number */
	enum path_server server;
	const struct trace_finding *findings;
	unsigned int finding_count;
	struct trace_destination destination;
	bool judges_mptcp; /* what destination says of Multipath TCP counts */
};

struct scenario {
	const char *suite;
	const char *name;  /* without version, checksum and family */
	const char *group; /* kind of interference, for the table: "remove options" */
	const char *help;  /* one sentence, with the source of the expectation */
	uint8_t version;   /* MPTCP version offered: 0 or 1 */
	bool checksum;
	uint8_t family;        /* 4 or 6 */
	unsigned int subflows; /* meant to exist: 1 or 2 */
	bool second_carries;   /* the second subflow must carry data */
	enum sender sender;
	struct path_plan paths[NET_PATHS];
	unsigned int path_count;
	/* where the interference is, for the report */
	unsigned int path;     /* 1 first */
	const char *direction; /* "to-server", "to-client", "both" */
	/* what must come of it */
	unsigned int expected; /* set of 1 << enum outcome */
	bool expect_intact;
	bool expect_damage_box;
	bool any_intact;                    /* whether the streams are intact is not compared */
	unsigned int rules[SCENARIO_RULES]; /* indices that it must exercise */
	unsigned int rule_count;
	bool any_rule;     /* one of them will do: timing decides which */
	bool needs_box;    /* every box must have acted */
	bool long_mapping; /* live: keep the kernel's default gso_max_segs */
	/* the application */
	uint16_t server_port; /* it listens there; 0: where the client connects to */
	bool virtual_server;  /* the client connects to an address that only a NAT knows */
	uint64_t bytes;       /* 0: the run's default */
	const char *marker;   /* text overlaying the stream, or NULL */
	uint64_t marker_offset, marker_every; /* again after so many bytes; 0: once */
	nsec_t pause_ns;       /* between the first chunk and the rest; 0: no pause */
	uint64_t first_chunk;  /* bytes written before the pause */
	const char *cc;        /* congestion control of our endpoints (cc.h); NULL: theirs */
	const char *scheduler; /* likewise (sched.h) */
	const struct profile *profile[ENDS]; /* of our endpoints (profile.h); NULL: the run's */
	nsec_t deadline;                     /* 0: the run's default */
	/* further subflows, and what else the ends do */
	unsigned int
		joins; /* addresses the client joins from by itself; subflows - 1 unless told */
	unsigned int server_joins; /* likewise of the server: 0, or 1 for its second address */
	const char *path_manager;  /* of our endpoint as the client; NULL: its default */
	bool join_backup;          /* they are for want of others (B); of our endpoint */
	bool dsn_narrow; /* our endpoint's DSNs, and so its peer's DATA_ACKs, have 32 bits */
	bool dsn_wraps;  /* the same, and the DSNs wrap in the midst of the transfer */
	bool no_timestamps, no_sack, no_window_scale; /* our endpoints do without these options */
	struct step_plan steps;
	uint64_t seed; /* 0: the run's */
	bool strict;   /* the network's own invariants are tried, too (net.h) */
	void *lua;     /* Lua boxes of this scenario, opaque here */
	/* not two stacks but the prober, on path 1; NULL: two stacks */
	const struct trace_plan *trace;
};

#endif
